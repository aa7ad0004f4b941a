"""Citrine's core: the functional blocks of OCPP on a relational database, served over gRPC."""

__all__: list[str] = []
