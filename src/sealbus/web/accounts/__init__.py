"""Which user is this, and which rights does the user have? Users, second factors, roles, groups, tokens, the first start.

Signing in, second factors and sessions are django-allauth's, tokens are knox's, passwords Django's. Written here:
the rights, the subject of a request, and that a new site has no account until its installer makes the first one.
"""

__all__: list[str] = []
