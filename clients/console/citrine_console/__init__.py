"""The console: a web client of Citrine's API by which operators see and steer their stations.

It stores nothing and decides nothing: what a page shows is read from the core with the credential of who looks at it,
and read again when an event says that it changed.
"""

__all__: list[str] = []
