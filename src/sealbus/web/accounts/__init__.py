"""Who is this, and which rights does he have? Users, second factors, roles, groups, tokens, the first start.

Signing in, second factors and sessions are django-allauth's, tokens are knox's, passwords Django's: nothing of that
is written here. What is ours: the rights, the subject of a request, and that nobody has an account until the one who
installed it made the first.
"""

__all__: list[str] = []
