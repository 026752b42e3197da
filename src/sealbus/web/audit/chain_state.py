"""Whether the end of the chain matches its head: two statements, for health. `verification` checks the whole chain."""

from __future__ import annotations

from django.db.models import Max

from sealbus.web.audit.chain import FIRST_HASH
from sealbus.web.audit.models import ChainHead, Entry

__all__ = ["head_problem"]


def head_problem() -> str:
    """The problem with the head; empty if there is none."""
    head = ChainHead.objects.first()
    if head is None:
        return "" if not Entry.objects.exists() else "there are entries, but the head of the chain is missing"
    last = Entry.objects.filter(sequence=head.sequence).first()
    if (last.hash if last else FIRST_HASH) != head.hash or (last is None and head.sequence):
        return f"the head names entry {head.sequence}, which is missing or has another hash"
    newer = ChainHead.objects.filter(sequence__lt=Entry.objects.aggregate(newest=Max("sequence"))["newest"] or 0)
    return "there are entries after the head of the chain" if newer.exists() else ""
