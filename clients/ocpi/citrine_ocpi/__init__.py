"""The OCPI adapter: a client of Citrine's API through which partners (eMSPs, hubs) roam, by OCPI 2.2.1 and 2.3.0.

All of stations, tokens and money is the core's, reached by the contract. The adapter's own database has what the core
has no place for: partners with their tokens, what was sent to them, and how far events were followed.
"""

__all__: list[str] = []
