"""`citrine up`: one core and one edge on this machine, supervised, with a demo that charges."""

__all__: list[str] = []
