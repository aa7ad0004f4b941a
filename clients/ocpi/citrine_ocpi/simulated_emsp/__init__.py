"""A simulated eMSP: a partner to try the adapter with, which shows what it gets."""

__all__: list[str] = []
