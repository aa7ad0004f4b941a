"""The agenda: runs the shared jobs when they are due, on one of the cores of a database."""

from citrine_core.agenda.agenda import Agenda, lease_name
from citrine_core.agenda.lease import Lease

__all__ = ["Agenda", "Lease", "lease_name"]
