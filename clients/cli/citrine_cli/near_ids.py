"""Suggestions of similar ids for an id that does not exist."""

import asyncio
import contextlib
import importlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import grpc

from citrine_cli.errors import NotThere
from citrine_sdk import Citrine, missing_resource, pages

__all__ = ["near_ids_of", "with_near_ids"]

MOST = 5000
"""Most ids that are compared."""

SECONDS = 2.0
"""Seconds that the core may take to list them."""

NAMED = 3
"""Most ids that are suggested."""

FEW = 10
"""Most tenants for which all are named if none is similar."""

CLOSE = 0.7
"""Least similarity of two ids, from 0 to 1."""

_LISTS: Mapping[str, tuple[str, str, str]] = {
    "configuration": ("configurations", "ListConfigurations", "configuration_id"),
    "firmware campaign": ("firmware_campaigns", "ListFirmwareCampaigns", "campaign_id"),
    "key": ("keys", "ListKeys", "key_id display_name"),
    "location": ("locations", "ListLocations", "location_id"),
    "operation": ("operations", "ListOperations", "operation_id"),
    "station": ("stations", "ListStations", "station_id"),
    "tariff": ("tariffs", "ListTariffs", "tariff_id"),
    "tenant": ("tenants", "ListTenants", "tenant_id"),
    "token": ("tokens", "ListTokens", "id_token"),
    "tolerance rule": ("refusals", "ListToleranceRules", "rule_id"),
}
"""For each resource type whose ids people choose: service, List rpc, and fields with ids."""


async def with_near_ids(citrine: Citrine, said: str, error: grpc.aio.AioRpcError | NotThere) -> str:
    """Return the sentence of an error, with suggestions: "station CS-11 does not exist; did you mean CS-1?".

    Args:
        citrine: The client, to list ids.
        said: Sentence of the error.
        error: The error. Only one that names a missing resource gets suggestions.
    """
    missing = (error.kind, error.name) if isinstance(error, NotThere) else missing_resource(error)
    if missing is None:
        return said
    ids = await _ids_of(citrine, *missing)
    found = _closest(missing[1], ids) if missing[1] not in ids else []
    if not found and missing[0] == "tenant" and 0 < len(ids) <= FEW:
        # The variable is named, because the wrong tenant may come from it.
        return f"{said}; --tenant or CITRINE_TENANT names one of: {', '.join(sorted(ids))}"
    if not found:
        return said
    *others, last = found
    return f"{said}; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


async def near_ids_of(citrine: Citrine, kind: str, name: str) -> list[str]:
    """Return the ids that are most similar to a name, sorted. Empty if the name exists, or the ids can't be listed.

    Args:
        citrine: The client.
        kind: Resource type, as in the core's errors: "station".
        name: The id that does not exist.
    """
    ids = await _ids_of(citrine, kind, name)
    return [] if name in ids else _closest(name, ids)


async def _ids_of(citrine: Citrine, kind: str, name: str) -> list[str]:
    where = _LISTS.get("station" if kind.endswith("of station") else kind)
    if where is None or not name:
        return []
    # Failures are suppressed, because the original error is about to be printed.
    with contextlib.suppress(grpc.aio.AioRpcError, TimeoutError):
        async with asyncio.timeout(SECONDS):
            return await _ids(citrine, *where, name)
    return []


async def _ids(citrine: Citrine, service: str, rpc: str, fields: str, name: str) -> list[str]:
    module = importlib.import_module(f"citrine.api.v1.{service}_pb2")
    request: Any = getattr(module, f"{rpc}Request")(page_size=1000)
    method: Any = getattr(getattr(citrine, service), rpc)
    # The metadata must not name the missing tenant.
    metadata = (("citrine-tenant", "default"),) if service == "tenants" else None
    ids: list[str] = []
    listed: Any = partial(method, metadata=metadata)
    async for page in pages(listed, request):
        (items,) = (one for one in page.DESCRIPTOR.fields if one.name != "next_page_token")
        ids += [getattr(item, field) for item in getattr(page, items.name) for field in fields.split()]
        if len(ids) >= MOST:
            break
    return ids


def _closest(name: str, ids: list[str]) -> list[str]:
    # Imported here, because few commands need it.
    from difflib import get_close_matches

    # Ids are compared case-insensitively, because case is confused most often.
    spelt: dict[str, list[str]] = {}
    for one in dict.fromkeys(ids):
        spelt.setdefault(one.lower(), []).append(one)
    found = get_close_matches(name.lower(), spelt, n=NAMED, cutoff=CLOSE)
    return sorted(one for word in found for one in spelt[word])[:NAMED]
