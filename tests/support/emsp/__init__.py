"""A strict eMSP, written apart from the adapter: what it wants is what the specification says, and nothing else."""

from tests.support.emsp.peer import Emsp, Received, emsp

__all__ = ["Emsp", "Received", "emsp"]
