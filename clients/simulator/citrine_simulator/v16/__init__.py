"""OCPP 1.6 of a simulated station: its messages, answers and configuration keys over the same station model.

The station words its messages as in OCPP 2.x, :class:`Messenger16` sends them as 1.6 has them, and the handlers in
:mod:`citrine_simulator.v16.answers` answer the CSMS.
"""

from citrine_simulator.v16.answers import handlers16
from citrine_simulator.v16.connectors import ConnectorNumbers, connector_statuses
from citrine_simulator.v16.keys import key_variables
from citrine_simulator.v16.messenger import Messenger16
from citrine_simulator.v16.numbers import TransactionNumbers

__all__ = [
    "ConnectorNumbers",
    "Messenger16",
    "TransactionNumbers",
    "connector_statuses",
    "handlers16",
    "key_variables",
]
