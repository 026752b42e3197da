"""What every answer over HTTP needs: problem documents, pages of lists, throttles, streams, strict bodies and queries.

It is not a Django app: it has no tables. It refuses to know what a request is about.
"""

__all__: list[str] = []
