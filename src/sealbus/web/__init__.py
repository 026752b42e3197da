"""Who may see and steer the plant from a browser or a program, and what did they do? The Django project."""

__all__: list[str] = []
