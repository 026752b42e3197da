"""The pages: HTML over the services and queries of the apps below, never over the API."""

__all__: list[str] = []
