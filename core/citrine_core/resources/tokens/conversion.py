"""Tokens of the contract as columns of their table, and back."""

from collections.abc import Collection
from typing import Any

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import tokens_pb2 as pb
from citrine.events.v1.events_pb2 import Event, TokenChanged
from citrine.ocpp.secrets import KEY_CODE
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.resources.tokens.formats import contract_lookup_of
from citrine_core.resources.usage_limits import NO_LIMIT, Limit
from citrine_core.rpc import time_or_none, to_timestamp

__all__ = ["CHANGEABLE", "changed_event", "columns_of", "to_proto"]

CHANGEABLE = frozenset(
    {
        "status",
        "valid",
        "group_id",
        "expire_time",
        "master_pass",
        "language",
        "charging_priority",
        "description",
        "second_language",
        "cache_time",
        "message",
        "rules",
        "limit",
        "contract_id",
        "issuer",
        "visual_number",
        "whitelist",
        "charging_preference",
        "country_code",
        "party_id",
    }
)
"""Fields that UpdateToken may change."""


def columns_of(token: pb.Token, fields: Collection[str]) -> dict[str, Any]:
    """Return the values of the columns that hold fields of a token.

    Raises:
        InvalidArgument: When the usage limit is invalid.
    """
    columns: dict[str, Any] = {}
    for name in fields:
        if name == "expire_time":
            columns[name] = time_or_none(token.expire_time, is_set=token.HasField("expire_time"))
        elif name == "status":
            columns[name] = token.status or pb.TOKEN_STATUS_ACCEPTED
        elif name == "whitelist":
            columns[name] = token.whitelist or pb.TOKEN_WHITELIST_ALLOWED
        elif name == "valid":
            columns[name] = token.valid or not token.HasField("valid")
        elif name == "cache_time":
            columns[name] = token.cache_time.seconds if token.HasField("cache_time") else None
        elif name == "limit":
            limit = Limit.read("token.limit", token.limit) if token.HasField("limit") else NO_LIMIT
            columns |= limit.columns
        elif name == "rules":
            # Rules that restrict nothing are stored as NULL.
            columns[name] = token.rules.SerializeToString(deterministic=True) or None
        elif name == "contract_id":
            columns[name] = token.contract_id
            columns["contract_lookup"] = contract_lookup_of(token.contract_id)
        elif name in ("country_code", "party_id"):
            columns[name] = getattr(token, name).upper()
        else:
            columns[name] = getattr(token, name)
    return columns


def to_proto(row: Any) -> pb.Token:
    """Return the row of a token as the API shows it."""
    return pb.Token(
        id_token=row.id_token,
        type=row.type,
        tenant_id=row.tenant_id,
        status=pb.TokenStatus.ValueType(row.status),
        valid=row.valid,
        group_id=row.group_id,
        expire_time=to_timestamp(row.expire_time),
        master_pass=row.master_pass,
        language=row.language,
        charging_priority=row.charging_priority,
        description=row.description,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        etag=str(row.version),
        second_language=row.second_language,
        cache_time=None if row.cache_time is None else Duration(seconds=row.cache_time),
        message=row.message,
        rules=None if row.rules is None else pb.TokenRules.FromString(row.rules),
        limit=Limit.of(row).to_proto(),
        prepaid=None if row.prepaid is None else pb.Prepaid(paid=row.prepaid, since=to_timestamp(row.prepaid_since)),
        contract_id=row.contract_id,
        issuer=row.issuer,
        visual_number=row.visual_number,
        whitelist=pb.TokenWhitelist.ValueType(row.whitelist),
        charging_preference=pb.ChargingPreference.ValueType(row.charging_preference),
        country_code=row.country_code,
        party_id=row.party_id,
    )


def changed_event(row: Any, kind: "TokenChanged.Kind.ValueType") -> Event:
    """Return the event that says what was done with a token, by its row."""
    # C04.FR.04: a key code is never shown.
    id_token = "***" if row.type == KEY_CODE else row.id_token
    changed = TokenChanged(kind=kind, id_token=IdToken(id_token=id_token, type=row.type))
    if kind != TokenChanged.KIND_DELETED:
        changed.token.CopyFrom(to_proto(row))
        changed.token.id_token = id_token
    return Event(tenant_id=row.tenant_id, token_changed=changed)
