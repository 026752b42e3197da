"""How is the web server set up here? Environment, settings, checks, routes, the way into the process.

It joins the apps and holds no logic of theirs.
"""

__all__: list[str] = []
