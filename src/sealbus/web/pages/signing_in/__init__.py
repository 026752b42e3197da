"""How does a person get in, and confirm later that it is still the same person? Passwords, second factors, passkeys, the
provider of single sign-on, and links that work once.

The steps are django-allauth's, in its own views: what is here gives them this site's pages and words, and their
requirements. It decides about no credential itself.
"""

__all__: list[str] = []
