"""How do values get from devices into the plant's memory, and orders to them? Poll plans, schedules, decoding, execution."""

__all__: list[str] = []
