"""Dispatch: items are batched, handled in one database transaction, and answered after its commit."""

from citrine_core.dispatch.blocks import Block, Translate
from citrine_core.dispatch.calls import (
    Answered,
    Call,
    CallRefused,
    FirstQuery,
    content_key,
    handles,
    handles_answer,
    handles_failure,
    handles_vendor,
)
from citrine_core.dispatch.dispatcher import Dispatcher, ObserveBatch, Outages, Stage
from citrine_core.dispatch.failures import CommandEnd, Failed
from citrine_core.dispatch.fast_path import FastPath
from citrine_core.dispatch.handling import HandlingStage
from citrine_core.dispatch.inquiries import Inquirer, Inquiries
from citrine_core.dispatch.lanes import Item, Lanes
from citrine_core.dispatch.registry import Registry
from citrine_core.dispatch.routes import Routes, collect

__all__ = [
    "Answered",
    "Block",
    "Call",
    "CallRefused",
    "CommandEnd",
    "Dispatcher",
    "Failed",
    "FastPath",
    "FirstQuery",
    "HandlingStage",
    "Inquirer",
    "Inquiries",
    "Item",
    "Lanes",
    "ObserveBatch",
    "Outages",
    "Registry",
    "Routes",
    "Stage",
    "Translate",
    "collect",
    "content_key",
    "handles",
    "handles_answer",
    "handles_failure",
    "handles_vendor",
]
