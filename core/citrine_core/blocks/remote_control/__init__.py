"""Functional block F, Remote control: start, stop, unlock and trigger from afar."""

from citrine_core.blocks.remote_control.servicer import RemoteControlServicer

__all__ = ["RemoteControlServicer"]
