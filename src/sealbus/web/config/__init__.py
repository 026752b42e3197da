"""The set-up of the web process: environment, settings, checks, routes, the ASGI application, the server.

It connects the apps and contains none of their logic.
"""

__all__: list[str] = []
