"""Fixtures of the SDK's tests."""

from tests.clients.scripted_core import core

__all__ = ["core"]
