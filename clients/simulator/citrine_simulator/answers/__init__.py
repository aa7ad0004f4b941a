"""Handlers for the CALLs of the CSMS, one module per functional block. They change the simulated station."""

from citrine_simulator.answers.base import Handler, answers, collect
from citrine_simulator.answers.router import Router, handlers2

__all__ = ["Handler", "Router", "answers", "collect", "handlers2"]
