"""What a station answers to the CALLs of the CSMS, by functional block, with real effect."""

from citrine_simulator.answers.base import Handler, answers, collect
from citrine_simulator.answers.router import Router

__all__ = ["Handler", "Router", "answers", "collect"]
