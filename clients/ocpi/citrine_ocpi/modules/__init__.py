"""The modules of OCPI: what each of them serves, and what it sends."""

__all__: list[str] = []
