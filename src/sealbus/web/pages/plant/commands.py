"""Commands for devices and connections: request one, follow it to its end, withdraw it.

A command is requested by a plain form and has a page of its own, which htmx asks for again until the command has ended.
The arguments are checked by the serializers of the API, the rights by the gate and the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sealbus.plant import CommandKind, CommandResult, CommandState, RegistersScanned, Step, ValuesRead
from sealbus.web.access.actions import Action
from sealbus.web.access.requirement import may
from sealbus.web.devices import services
from sealbus.web.devices.models import Command, Connection, Device, Tag
from sealbus.web.devices.serializers.commands import ScanRegistersForm, ScanUnitsForm, SunSpecForm, TestForm
from sealbus.web.devices.services import CommandRequest
from sealbus.web.errors import Invalid, NotFound
from sealbus.web.pages.checking import checked
from sealbus.web.pages.forms import Form
from sealbus.web.pages.plant.devices import PlantPage
from sealbus.web.pages.plant.paging import id_in
from sealbus.web.pages.shell.page import redirect_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from sealbus.plant import ValueRead
    from sealbus.web.access.requirement import Requirement
    from sealbus.web.http.strict import Strict

__all__ = [
    "KINDS",
    "MENDS",
    "CommandPage",
    "CommandWithdrawPage",
    "ConnectionCommandPage",
    "DeviceCommandPage",
    "command_shown",
    "last_commands",
    "values_read",
]

KINDS = {
    CommandKind.TEST: gettext_lazy("Test of the connection"),
    CommandKind.READ: gettext_lazy("Reading now"),
    CommandKind.SCAN_UNITS: gettext_lazy("Scan for units"),
    CommandKind.SCAN_REGISTERS: gettext_lazy("Scan of registers"),
    CommandKind.SUNSPEC: gettext_lazy("SunSpec models"),
    CommandKind.WRITE: gettext_lazy("Write"),
}
_STEPS = {
    Step.RULES: gettext_lazy("Rules of this site"),
    Step.RESOLVE: gettext_lazy("Find the address"),
    Step.CONNECT: gettext_lazy("Connect"),
    Step.TLS: gettext_lazy("TLS and certificates"),
    Step.ANSWER: gettext_lazy("Answer of the device"),
    Step.ALLOWED: gettext_lazy("Request allowed"),
    Step.VALUE: gettext_lazy("Value at the place"),
}
MENDS = {
    Step.RULES: gettext_lazy(
        "An administrator allows the network and port of this address, or you correct the URL or the identity."
    ),
    Step.RESOLVE: gettext_lazy("Check the name for a typing error, or write the IP address of the device."),
    Step.CONNECT: gettext_lazy(
        "Check power, cable, address and port of the device, and a firewall between it and the collector. "
        "Many devices accept only one or two connections: close another program that uses it."
    ),
    Step.TLS: gettext_lazy(
        "Compare the certificates of both sides: are they valid now, and does each side trust the other's authority? "
        "The clock of a device that lost power is often wrong."
    ),
    Step.ANSWER: gettext_lazy(
        "The port is open and nobody speaks Modbus there under this unit id. Try another unit id (1, 0 or 255), "
        "for a serial line check baud rate and parity, or raise the time-out."
    ),
    Step.ALLOWED: gettext_lazy(
        "A gateway refuses this read, or the device does not know the function: ask who keeps the policy, "
        "or test another table."
    ),
    Step.VALUE: gettext_lazy("The device speaks Modbus but has nothing at this place: test one from its manual."),
}
_ARGUMENTS: Mapping[CommandKind, type[Strict]] = {
    CommandKind.TEST: TestForm,
    CommandKind.SCAN_UNITS: ScanUnitsForm,
    CommandKind.SCAN_REGISTERS: ScanRegistersForm,
    CommandKind.SUNSPEC: SunSpecForm,
}
_MAX_READ = 500
_LAST = 8


class _CommandTarget(PlantPage):
    """Requests a command; the form is on other pages. What is refused is shown with a way back."""

    kinds: ClassVar[frozenset[CommandKind]] = frozenset()

    access: ClassVar[Mapping[str, Requirement]] = {"POST": may(Action.VIEW)}
    http_method_names = ["post"]  # noqa: RUF012 - as Django has it
    template = "pages/plant/refused_here.html"
    title = gettext_lazy("Command")

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        """Request it, and show its page."""
        target = self.target(of_url["pk"])
        form = Form(request.POST)
        commands: list[Command] = []
        with form.attempt():
            commands = services.request_commands(requests=self.requests(target, request), subject=self.subject)
        if not form.is_good:
            back = reverse("device" if isinstance(target, Device) else "connection", args=[target.pk])
            return self.show(request, {"form": form, "back": back, "target": target}, status=form.status)
        return redirect_to(request, reverse("command", args=[commands[0].pk]))

    def target(self, pk: int) -> Device | Connection:
        """What the command is about. NotFound."""
        raise NotImplementedError

    def requests(self, target: Any, request: HttpRequest) -> list[CommandRequest]:
        """The requests of the form. Invalid."""
        kind = _kind_of(request)
        if kind is CommandKind.READ and kind in self.kinds:
            return services.requests_to_read(self._tags(target, request))
        if kind not in self.kinds or kind not in _ARGUMENTS:
            raise Invalid({"kind": [_("This command is not possible here")]})
        given = {name: value for name, value in request.POST.items() if name in _ARGUMENTS[kind]().fields and value}
        arguments = checked(_ARGUMENTS[kind], given, self.subject)
        if kind is CommandKind.TEST and isinstance(target, Device):
            arguments = {**arguments, "unit_id": target.unit_id}
            target = target.connection
            if target is None:
                raise Invalid({"kind": [_("This device has no connection")]})
        return [CommandRequest(kind=kind, target=target, arguments=arguments)]

    def _tags(self, device: Device, request: HttpRequest) -> list[Tag]:
        """The tags that are named, else all that have a place, as many as one command reads."""
        tags = Tag.objects.live().filter(device=device, expression="").select_related("device__connection")
        if wanted := [pk for each in request.POST.getlist("tags")[:_MAX_READ] if (pk := id_in(each)) is not None]:
            tags = tags.filter(pk__in=wanted)
        found = list(tags.order_by("pk")[:_MAX_READ])
        if not found:
            raise Invalid({"tags": [_("This device has no tag that can be read")]})
        return found


class DeviceCommandPage(_CommandTarget):
    """A command for a device."""

    kinds = frozenset({CommandKind.READ, CommandKind.TEST, CommandKind.SCAN_REGISTERS, CommandKind.SUNSPEC})

    def target(self, pk: int) -> Device:
        device: Device = _found(Device.objects.visible_to(self.subject).select_related("connection").filter(pk=pk))
        return device


class ConnectionCommandPage(_CommandTarget):
    """A command for a connection."""

    kinds = frozenset({CommandKind.TEST, CommandKind.SCAN_UNITS})

    def target(self, pk: int) -> Connection:
        connection: Connection = _found(Connection.objects.visible_to(self.subject).filter(pk=pk))
        return connection


class CommandPage(PlantPage):
    """One command: its state, its progress, and what was found."""

    template = "pages/plant/command.html"
    fragment = "pages/plant/command_state.html"
    title = gettext_lazy("Command")

    def content(self, request: HttpRequest, **of_url: Any) -> dict[str, Any]:
        command = self._command(of_url["pk"])
        if _is_open(command) and command.deadline <= timezone.now():
            services.expire_overdue()
            command = self._command(of_url["pk"])
        return {"title": KINDS[CommandKind(command.kind)]} | command_shown(command, self.subject)

    def _command(self, pk: int) -> Command:
        rows = Command.objects.visible_to(self.subject).select_related("device", "connection", "group")
        command: Command = _found(rows.filter(pk=pk))
        return command


class CommandWithdrawPage(PlantPage):
    """Withdraw a command."""

    access: ClassVar[Mapping[str, Requirement]] = {"POST": may(Action.VIEW)}
    http_method_names = ["post"]  # noqa: RUF012 - as Django has it
    template = "pages/plant/refused_here.html"
    title = gettext_lazy("Command")

    def post(self, request: HttpRequest, **of_url: Any) -> HttpResponse:
        command = _found(Command.objects.visible_to(self.subject).filter(pk=of_url["pk"]))
        form, back = Form(), reverse("command", args=[command.pk])
        with form.attempt():
            services.withdraw_command(command=command, subject=self.subject)
        if not form.is_good:
            return self.show(request, {"form": form, "back": back}, status=form.status)
        return redirect_to(request, back)


def command_shown(command: Command, subject: Any) -> dict[str, Any]:
    """What the templates of a command need: no statement but for the names of the tags that were read."""
    result = None if command.result is None else msgspec.convert(command.result, CommandResult)
    found = None if result is None else result.found
    kind = CommandKind(command.kind)
    shown: dict[str, Any] = {
        "command": command,
        "kind": KINDS[kind],
        "is_open": _is_open(command),
        "percent": min(100, 100 * command.done // command.total) if command.total else None,
        "result": result,
        "found": found,
        "mend": MENDS.get(result.failed_at) if result is not None and result.failed_at is not None else "",
        "may_withdraw": _is_open(command)
        and (command.actor_id == subject.user_id or subject.rights.allows(Action.CONFIGURE, command.group_id)),
        "may_configure": subject.rights.allows(Action.CONFIGURE, command.group_id),
    }
    if found is None:
        return shown
    if kind is CommandKind.TEST:
        shown["has_answer"] = any(each.step is Step.ANSWER and each.ok for each in found.steps)  # type: ignore[union-attr]
        shown["is_silent"] = any(each.step is Step.ANSWER and not each.ok for each in found.steps)  # type: ignore[union-attr]
        shown["steps"] = [(_STEPS[each.step], each, MENDS[each.step]) for each in found.steps]  # type: ignore[union-attr]
    if isinstance(found, RegistersScanned):
        shown["has_values"] = any(each.exception is None for each in found.ranges)
        shown["next_place"] = _other_table(str(command.arguments.get("place", "")))
    if kind is CommandKind.READ:
        tags = Tag.objects.in_bulk([each.tag_id for each in found.values])  # type: ignore[union-attr]
        shown["values"] = [(tags[each.tag_id], each) for each in found.values if each.tag_id in tags]  # type: ignore[union-attr]
    return shown


def last_commands(rows: Any) -> list[tuple[Command, object]]:
    """The newest of these commands, each with the words of its kind. One statement."""
    return [(command, KINDS[CommandKind(command.kind)]) for command in rows.order_by("-id")[:_LAST]]


def values_read(command: Command | None) -> tuple[ValueRead, ...]:
    """What a reading returned."""
    if command is None or command.result is None:
        return ()
    found = msgspec.convert(command.result, CommandResult).found
    return found.values if isinstance(found, ValuesRead) else ()


def _other_table(place: str) -> str:
    """The same addresses of the table to try next."""
    table, found, addresses = place.partition(":")
    following = {"holding": "input", "input": "holding", "coils": "discrete", "discrete": "coils"}
    return f"{following.get(table, 'input')}:{addresses}" if found else "input:0-199"


def _kind_of(request: HttpRequest) -> CommandKind:
    try:
        return CommandKind(request.POST.get("kind", ""))
    except ValueError:
        raise Invalid({"kind": [_("There is no such command")]}) from None


def _is_open(command: Command) -> bool:
    return not CommandState(command.state).is_final


def _found(rows: Any) -> Any:
    row = rows.first()
    if row is None:
        raise NotFound
    return row
