"""The edge of Citrine: it terminates the websockets of charging stations and speaks OCPP-J with them.

It frames, checks, limits and translates, and decides nothing: that is the core's, which it reaches over the edge
link (``citrine.edge.v1``). It has no state that must survive a restart.
"""

__all__: list[str] = []
