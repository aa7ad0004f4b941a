"""Shared parts of all gRPC services: callers, errors, pages, masks, checks of input, and the server itself."""

from citrine_core.rpc.access import Access, Authenticator, Identity
from citrine_core.rpc.caller import Caller, acting_as, caller, current_tenant, system_caller
from citrine_core.rpc.etags import check_etag, etag_of
from citrine_core.rpc.fields import (
    changed_span,
    check_count,
    check_length,
    check_pattern,
    check_printable,
    required,
    span_of,
    time_or_none,
    to_duration,
    to_timestamp,
)
from citrine_core.rpc.masks import apply_mask
from citrine_core.rpc.pages import open_page
from citrine_core.rpc.rates import Rates
from citrine_core.rpc.server import RpcHealth, build_server

__all__ = [
    "Access",
    "Authenticator",
    "Caller",
    "Identity",
    "Rates",
    "RpcHealth",
    "acting_as",
    "apply_mask",
    "build_server",
    "caller",
    "changed_span",
    "check_count",
    "check_etag",
    "check_length",
    "check_pattern",
    "check_printable",
    "current_tenant",
    "etag_of",
    "open_page",
    "required",
    "span_of",
    "system_caller",
    "time_or_none",
    "to_duration",
    "to_timestamp",
]
