"""The OCPI adapter: a client of Citrine's API by which partners roam on its stations."""

__all__: list[str] = []
