"""A person's own account: name and password, second factors, sessions, API tokens, language and look."""

__all__: list[str] = []
