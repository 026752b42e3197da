"""Is the end of the chain where its head says? A look of two statements, for health; `verification` walks it all."""

from __future__ import annotations

from django.db.models import Max

from sealbus.web.audit.chain import FIRST_HASH
from sealbus.web.audit.models import ChainHead, Entry

__all__ = ["head_problem"]


def head_problem() -> str:
    """What is wrong with the head; empty where it fits."""
    head = ChainHead.objects.first()
    if head is None:
        return "" if not Entry.objects.exists() else "entries without a head"
    last = Entry.objects.filter(sequence=head.sequence).first()
    if (last.hash if last else FIRST_HASH) != head.hash or (last is None and head.sequence):
        return f"the head names entry {head.sequence}, which is not there as it was written"
    newer = ChainHead.objects.filter(sequence__lt=Entry.objects.aggregate(newest=Max("sequence"))["newest"] or 0)
    return "entries behind the head" if newer.exists() else ""
