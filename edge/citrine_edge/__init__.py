"""The edge of Citrine: it terminates the websockets of charging stations and speaks OCPP-J with them.

It frames, checks, limits and translates, and decides nothing: that is the core's, which it reaches over the edge
link (``citrine.edge.v1``). It keeps no state that a restart may not lose.
"""

__all__: list[str] = []
