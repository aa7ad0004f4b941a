"""What every server process of Citrine has: settings by flag and variable, log lines, a port for health, its end.

It knows neither core nor edge, and nothing of OCPP; both are built on it.
"""

__all__: list[str] = []
