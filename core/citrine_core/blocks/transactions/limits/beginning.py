"""Limits of transactions that begin: those of their tokens, and of their remote starts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from citrine.api.v1.authorization_pb2 import LOST_AUTHORIZATION_STOP
from citrine.edge.v1.link_pb2 import OCPP_VERSION_21
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest, TransactionEventResponse
from citrine.ocpp.v2.transactions_pb2 import TransactionLimit as OcppLimit
from citrine_core.blocks.authorization import SettingsDirectory
from citrine_core.blocks.remote_control import limits_of_starts
from citrine_core.blocks.transactions.fold import TransactionState
from citrine_core.blocks.transactions.limits.credit import credit_left
from citrine_core.blocks.transactions.limits.repository import LimitRepository, TransactionKey, new_row
from citrine_core.db import UnitOfWork
from citrine_core.resources.connections import ConnectionRepository
from citrine_core.resources.tokens import Token, TokenRepository
from citrine_core.resources.usage_limits import NO_LIMIT, Limit
from citrine_core.services import Services

__all__ = ["LimitBeginnings", "LimitedEvents"]

_NAMES = {"maxcost": "cost", "maxenergy": "energy_wh", "maxtime": "time", "maxlength": "time"}
"""Values of TxCtrlr.SupportedLimits in lower case (its list says maxLength for maxTime), and our names."""


@dataclass(frozen=True, slots=True)
class LimitedEvents:
    """What limits need of a batch of events that is folded and not stored yet."""

    tenant_id: str
    tokens: Mapping[TransactionKey, Token]
    """Tokens that were accepted with new events."""
    named: Collection[TransactionKey]
    """Transactions whose remote start was known before."""
    states: Mapping[TransactionKey, TransactionState]
    newest: Mapping[TransactionKey, tuple[TransactionEventRequest, TransactionEventResponse]]
    """The last new event of each transaction, and its answer."""


class LimitBeginnings:
    """Sets the limits of transactions that begin, and announces them to stations that support limits."""

    def __init__(self, services: Services) -> None:
        self._settings = SettingsDirectory.of(services)

    async def begin(self, work: UnitOfWork, events: LimitedEvents, now: datetime) -> None:
        """Store limits, and set them in one answer each (E16.FR.02). An ordinary batch needs no statement."""
        started = {
            key: state.remote_start_id
            for key, state in events.states.items()
            if state.remote_start_id is not None and key not in events.named
        }
        tokens = {key: token for key, token in events.tokens.items() if self._is_limited(events.tenant_id, token)}
        unannounced = {key for key, state in events.states.items() if state.limit_untold}
        if not tokens and not started and not unannounced:
            return
        limits = LimitRepository(work.session)
        limits_of_start = await limits_of_starts(
            work, events.tenant_id, {key: (key[0], remote_start_id) for key, remote_start_id in started.items()}
        )
        tokens |= await self._tokens_of_starts(work, events, set(started) - set(events.tokens))
        wanted = set(tokens) | set(limits_of_start)
        known = await limits.find_all(events.tenant_id, wanted) if wanted else {}
        new = wanted - set(known)
        await limits.add_all(
            [
                self._row(events.tenant_id, key, tokens.get(key), limits_of_start.get(key, NO_LIMIT), now)
                for key in sorted(new)
            ]
        )
        await self._announce(work, events, new | unannounced)

    def _is_limited(self, tenant_id: str, token: Token) -> bool:
        return Limit.of(token) != NO_LIMIT or token.prepaid is not None or self._watches(tenant_id, token)

    def _watches(self, tenant_id: str, token: Token) -> bool:
        """Return whether a transaction must be stopped when its token expires."""
        settings = self._settings.find(tenant_id)
        stops = settings is not None and settings.lost_authorization == LOST_AUTHORIZATION_STOP
        return stops and token.expire_time is not None

    async def _tokens_of_starts(
        self, work: UnitOfWork, events: LimitedEvents, keys: Collection[TransactionKey]
    ) -> dict[TransactionKey, Token]:
        """Return the limited tokens of remotely started transactions that do not repeat the token."""
        presented = {
            key: (state.id_token, state.id_token_type or "")
            for key in keys
            if (state := events.states[key]).id_token is not None
        }
        if not presented:
            return {}
        wanted = {(id_token or "", kind) for id_token, kind in presented.values()}
        found = await TokenRepository(work.session).find_all(events.tenant_id, wanted)
        return {
            key: found[id_token or "", kind]
            for key, (id_token, kind) in presented.items()
            if (id_token, kind) in found and self._is_limited(events.tenant_id, found[id_token or "", kind])
        }

    def _row(
        self, tenant_id: str, key: TransactionKey, token: Token | None, start: Limit, now: datetime
    ) -> dict[str, object]:
        limit = start if token is None else start.lower(Limit.of(token))
        return new_row(
            tenant_id,
            key,
            now,
            **limit.columns,
            prepaid=token is not None and token.prepaid is not None,
            watches_token=token is not None and self._watches(tenant_id, token),
            set_by="token" if start == NO_LIMIT else "start",
        )

    async def _announce(self, work: UnitOfWork, events: LimitedEvents, keys: Collection[TransactionKey]) -> None:
        """Set limits in the answers to stations that support them (E16.FR.12, F07.FR.02)."""
        announced = [key for key in keys if key in events.newest and events.states[key].end_time is None]
        for key in keys:
            events.states[key].limit_untold = False
        supported = await _supported(work, events.tenant_id, {key[0] for key in announced})
        announced = [key for key in announced if supported.get(key[0])]
        if not announced:
            return
        rows = await LimitRepository(work.session).find_all(events.tenant_id, announced)
        left = await self._credit(work, events, [key for key, row in rows.items() if row.prepaid])
        for key, row in rows.items():
            limit = Limit.of(row).lower(Limit(left.get(key)))
            request, response = events.newest[key]
            found = _to_ocpp(limit, supported[key[0]], request.transaction_info.transaction_limit)
            if found.ByteSize():
                response.transaction_limit.CopyFrom(found)

    async def _credit(
        self, work: UnitOfWork, events: LimitedEvents, keys: Collection[TransactionKey]
    ) -> dict[TransactionKey, Decimal]:
        """Return the largest cost of transactions of prepaid tokens (C17.FR.03)."""
        if not keys:
            return {}
        of_keys = {key: (events.states[key].id_token or "", events.states[key].id_token_type or "") for key in keys}
        tokens = await TokenRepository(work.session).find_all(events.tenant_id, set(of_keys.values()))
        left = await credit_left(work, events.tenant_id, list(tokens.values()))
        return {
            key: left[tokens[name].lookup, tokens[name].type]
            for key, name in of_keys.items()
            if name in tokens and (tokens[name].lookup, tokens[name].type) in left
        }


async def _supported(work: UnitOfWork, tenant_id: str, station_ids: Collection[str]) -> dict[str, set[str]]:
    """Return the limits that stations support, by our names; only OCPP 2.1 has them."""
    # Imported here, because provisioning imports transactions.
    from citrine_core.blocks.provisioning import VariableRepository

    if not station_ids:
        return {}
    sessions = await ConnectionRepository(work.session).find_all(tenant_id, station_ids)
    variables = VariableRepository(work.session)
    found: dict[str, set[str]] = {}
    for station_id, session in sessions.items():
        if session.ocpp_version == OCPP_VERSION_21:
            values = await variables.find_instances(tenant_id, station_id, "TxCtrlr", ["SupportedLimits"], "")
            names = (values.get("supportedlimits") or "").lower().replace(" ", "").split(",")
            found[station_id] = {_NAMES[name] for name in names if name in _NAMES}
    return found


def _to_ocpp(limit: Limit, supported: Collection[str], reported: OcppLimit) -> OcppLimit:
    """Return the limit for a station: those that it supports, unless its own limit is lower (E16.FR.08)."""
    found = OcppLimit()
    if "cost" in supported and limit.cost is not None:
        found.max_cost = float(limit.cost)
    if "energy_wh" in supported and limit.energy_wh is not None:
        found.max_energy = limit.energy_wh
    if "time" in supported and limit.time is not None:
        found.max_time = int(limit.time.total_seconds())
    for name in ("max_cost", "max_energy", "max_time"):
        if reported.HasField(name) and found.HasField(name) and getattr(reported, name) <= getattr(found, name):
            found.ClearField(name)
    return found
