"""What every answer over HTTP needs: problem documents, pages of lists, throttles, streams, strict bodies and queries.

It is not a Django app: it has no tables. It does not know the subject of a request.
"""

__all__: list[str] = []
