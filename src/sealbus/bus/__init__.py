"""Who should hear of this now? Live values and hints between processes; what must not be lost is in the database."""

__all__: list[str] = []
