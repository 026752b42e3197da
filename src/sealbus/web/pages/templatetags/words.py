"""Filters that say stored words of the audit and of sessions in the words of the page."""

from __future__ import annotations

from django import template

from sealbus.web.pages.administration.wording import ACTIONS, browser_text
from sealbus.web.pages.audit.wording import KINDS, OBJECTS, RESULTS, action_text

__all__ = ["action_words", "actor_words", "browser_words", "object_words", "register", "result_words", "right_words"]

register = template.Library()


@register.filter
def action_words(action: str) -> str:
    """An action of the audit."""
    return action_text(action)


@register.filter
def result_words(result: str) -> str:
    """A result of the audit."""
    return str(RESULTS.get(result, result))


@register.filter
def actor_words(kind: str) -> str:
    """A kind of actor of the audit."""
    return str(KINDS.get(kind, kind))


@register.filter
def object_words(kind: str) -> str:
    """A kind of object of the audit."""
    return str(OBJECTS.get(kind, kind))


@register.filter
def browser_words(user_agent: str) -> str:
    """The browser and the system of a session."""
    return browser_text(user_agent)


@register.filter
def right_words(actions: list[str]) -> str:
    """The actions of a token."""
    return ", ".join(str(ACTIONS[action][0]) if action in ACTIONS else action for action in actions)
