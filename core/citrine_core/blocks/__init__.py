"""The functional blocks of OCPP, one package each, named as the specification names them."""

import sys
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from citrine_core.dispatch import Block
    from citrine_core.services import Services

__all__ = ["BUILT_IN", "PLUG_INS", "blocks_of", "built_in", "plug_ins"]

BUILT_IN = (
    "security",
    "provisioning",
    "authorization",
    "local_auth_list",
    "transactions",
    "remote_control",
    "availability",
    "reservation",
    "tariff_and_cost",
    "meter_values",
    "smart_charging",
    "firmware_management",
    "certificates",
    "diagnostics",
    "display_message",
    "data_transfer",
)
"""Packages of the blocks that come with Citrine, by their letters. Each has a function `block(services)`."""

PLUG_INS = "citrine.blocks"
"""Group of entry points. Each names a callable that takes Services and returns a Block; it must not use the services
yet, because it is also called where only the block's tables are wanted."""


def plug_ins(services: "Services") -> "list[Block]":
    """Return the blocks of installed plug-ins, by the name of their entry point."""
    return [entry_point.load()(services) for entry_point in _installed(tuple(sys.path))]


@cache
def _installed(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return the entry points of plug-ins that are found in these places; all of them are read for that."""
    return tuple(sorted(entry_points(group=PLUG_INS), key=lambda entry_point: entry_point.name))


def built_in(services: "Services") -> "list[Block]":
    """Return the blocks that come with Citrine."""
    # Imported here: blocks use each other's packages, and importing one must not import them all.
    return [import_module(f"{__name__}.{name}").block(services) for name in BUILT_IN]


def blocks_of(services: "Services") -> "list[Block]":
    """Return all blocks of this installation."""
    return [*built_in(services), *plug_ins(services)]
