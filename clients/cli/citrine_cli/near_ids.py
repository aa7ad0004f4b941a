"""Ids that are almost what somebody typed: what a core says does not exist may be misspelt."""

import asyncio
import contextlib
import importlib
from collections.abc import Mapping
from typing import Any

import grpc

from citrine_cli.errors import NotThere
from citrine_sdk import Citrine, missing_resource

__all__ = ["near_ids_of", "with_near_ids"]

MOST = 5000
"""Ids that are looked at, at most."""

SECONDS = 2.0
"""How long the core may take to list them."""

NAMED = 3
"""Ids that are named."""

FEW = 10
"""Tenants that are named where none is like the one that is not there."""

CLOSE = 0.7
"""How alike two ids are at least, from 0 to 1."""

_LISTS: Mapping[str, tuple[str, str, str]] = {
    "configuration": ("configurations", "ListConfigurations", "configuration_id"),
    "firmware campaign": ("firmware_campaigns", "ListFirmwareCampaigns", "campaign_id"),
    "key": ("keys", "ListKeys", "key_id display_name"),
    "station": ("stations", "ListStations", "station_id"),
    "tariff": ("tariffs", "ListTariffs", "tariff_id"),
    "tenant": ("tenants", "ListTenants", "tenant_id"),
    "token": ("tokens", "ListTokens", "id_token"),
    "tolerance rule": ("refusals", "ListToleranceRules", "rule_id"),
}
"""Of each kind of thing whose ids people choose: the service, the rpc that lists it, the fields of its names."""


async def with_near_ids(citrine: Citrine, said: str, error: grpc.aio.AioRpcError | NotThere) -> str:
    """Return what an error says, and what was meant perhaps: "station CS-11 does not exist; did you mean CS-1?".

    Args:
        citrine: Whom to ask for the ids.
        said: What the error says.
        error: Perhaps one that names what does not exist.
    """
    missing = (error.kind, error.name) if isinstance(error, NotThere) else missing_resource(error)
    if missing is None:
        return said
    ids = await _ids_of(citrine, *missing)
    found = _closest(missing[1], ids) if missing[1] not in ids else []
    if not found and missing[0] == "tenant" and 0 < len(ids) <= FEW:
        # It may stand in a variable, where nobody looks for it.
        return f"{said}; --tenant or CITRINE_TENANT names one of: {', '.join(sorted(ids))}"
    if not found:
        return said
    *others, last = found
    return f"{said}; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


async def near_ids_of(citrine: Citrine, kind: str, name: str) -> list[str]:
    """Return the ids that are most like a name, in their order; none where it is one itself, or can't be found out.

    Args:
        citrine: Whom to ask.
        kind: As the core calls it: "station".
        name: Which there is not.
    """
    ids = await _ids_of(citrine, kind, name)
    return [] if name in ids else _closest(name, ids)


async def _ids_of(citrine: Citrine, kind: str, name: str) -> list[str]:
    where = _LISTS.get("station" if kind.endswith("of station") else kind)
    if where is None or not name:
        return []
    # An error is about to be said: what goes wrong with this is no other one.
    with contextlib.suppress(grpc.aio.AioRpcError, TimeoutError):
        async with asyncio.timeout(SECONDS):
            return await _ids(citrine, *where, name)
    return []


async def _ids(citrine: Citrine, service: str, rpc: str, fields: str, name: str) -> list[str]:
    module = importlib.import_module(f"citrine.api.v1.{service}_pb2")
    request: Any = getattr(module, f"{rpc}Request")(page_size=1000)
    method: Any = getattr(getattr(citrine, service), rpc)
    # A tenant that there is not can't be asked for the others.
    metadata = (("citrine-tenant", "default"),) if service == "tenants" else None
    ids: list[str] = []
    while len(ids) < MOST:
        page = await method(request, metadata=metadata)
        (items,) = (one for one in page.DESCRIPTOR.fields if one.name != "next_page_token")
        ids += [getattr(item, field) for item in getattr(page, items.name) for field in fields.split()]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    return ids


def _closest(name: str, ids: list[str]) -> list[str]:
    # Imported late, as what few commands need.
    from difflib import get_close_matches

    # Upper and lower case are what is confused first.
    spelt: dict[str, list[str]] = {}
    for one in dict.fromkeys(ids):
        spelt.setdefault(one.lower(), []).append(one)
    found = get_close_matches(name.lower(), spelt, n=NAMED, cutoff=CLOSE)
    return sorted(one for word in found for one in spelt[word])[:NAMED]
