"""Who may do what, and is the site well? People, roles, groups, tokens, sessions, rules, state, licences."""

__all__: list[str] = []
