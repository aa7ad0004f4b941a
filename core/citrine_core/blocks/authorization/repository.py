"""Queries of functional block C. What other blocks store is read here, never written."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Table, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1.common_pb2 import COMMAND_STATE_ANSWERED
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_core.blocks.authorization.models import AuthorizationSettings
from citrine_core.blocks.authorization.rules import OpenTransaction
from citrine_core.db import Model
from citrine_core.db.one_of import one_of
from citrine_core.db.one_of_keys import one_of_keys
from citrine_core.resources.tokens import TokenKey, lookup_of, type_of

__all__ = ["AuthorizationRepository"]

_ACTUAL = 1
"""citrine.ocpp.v2.AttributeEnum"""

_STARTS = timedelta(days=2)
"""How long ago a transaction may have been started by us that its token is accepted for it."""

_MOST_STARTS = 200


class AuthorizationRepository:
    """Reads what decisions need to know, each in one query for a whole batch."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def settings(self) -> Sequence[AuthorizationSettings]:
        """Return the settings of all tenants that have some."""
        return (await self._session.scalars(select(AuthorizationSettings))).all()

    async def settings_of(self, tenant_id: str, *, for_update: bool = False) -> AuthorizationSettings:
        """Return the settings of a tenant; new ones where it has none."""
        found = await self._session.get(AuthorizationSettings, tenant_id, with_for_update=for_update or None)
        return found if found is not None else _defaults(tenant_id)

    async def save_settings(self, settings: AuthorizationSettings) -> None:
        """Store settings."""
        await self._session.merge(settings)

    async def lock_tokens(self, tenant_id: str, keys: Collection[TokenKey]) -> None:
        """Keep others from deciding on tokens, by lookup and type, whose transactions are counted, until the commit.

        SQLite has one writer, so that nobody can come between.
        """
        if self._session.get_bind().dialect.name == "sqlite":
            return
        table = _table("tokens").c
        key = (table.lookup, table.type)
        await self._session.execute(
            select(*key)
            .where(table.tenant_id == tenant_id, one_of_keys(key, keys))
            .order_by(*key)
            .with_for_update(key_share=True)
        )

    async def open_transactions(
        self, tenant_id: str, lookups: Collection[str], station_ids: Collection[str]
    ) -> list[OpenTransaction]:
        """Return the accepted transactions under way of tokens, and those at stations.

        One that its station seems to have forgotten, or that something else proves to be over, does not count: it would
        keep its driver from charging.
        """
        table, tokens = _table("transactions").c, _table("tokens").c
        same_token = and_(
            tokens.tenant_id == table.tenant_id,
            tokens.lookup == table.id_token_lookup,
            tokens.type == table.id_token_type,
        )
        query = (
            select(
                table.station_id,
                table.transaction_id,
                table.id_token_lookup,
                table.id_token_type,
                tokens.group_id,
                table.evse_id,
            )
            .select_from(_table("transactions").outerjoin(_table("tokens"), same_token))
            .where(
                table.tenant_id == tenant_id,
                table.end_time.is_(None),
                table.closed_time.is_(None),
                table.orphaned.is_(False),
                table.over_time.is_(None),
                table.id_token_status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED,
                or_(
                    one_of(self._session, table.id_token_lookup, lookups),
                    one_of(self._session, table.station_id, station_ids),
                ),
            )
        )
        rows = await self._session.execute(query)
        return [
            OpenTransaction(station_id, transaction_id, lookup, type_of(kind or ""), group_id or "", evse_id)
            for station_id, transaction_id, lookup, kind, group_id, evse_id in rows
        ]

    async def connector_types(
        self, tenant_id: str, station_ids: Collection[str]
    ) -> dict[str, dict[int, frozenset[str]]]:
        """Return the types of connectors, in lower case, by station and EVSE, as the device models say."""
        table = _table("variables").c
        rows = await self._session.execute(
            select(table.station_id, table.evse_id, table.value).where(
                table.tenant_id == tenant_id,
                one_of(self._session, table.station_id, station_ids),
                func.lower(table.component) == "connector",
                func.lower(table.variable) == "connectortype",
                table.attribute == _ACTUAL,
                table.evse_id > 0,
                table.value.is_not(None),
            )
        )
        found: dict[str, dict[int, frozenset[str]]] = defaultdict(dict)
        for station_id, evse_id, value in rows:
            found[station_id][evse_id] = found[station_id].get(evse_id, frozenset()) | {value.lower()}
        return found

    async def remote_starts(
        self, tenant_id: str, station_ids: Collection[str], now: datetime
    ) -> set[tuple[str, str, str]]:
        """Return station, id and type of the tokens that stations agreed to start transactions with for us."""
        table = _table("commands").c
        rows = await self._session.execute(
            select(table.station_id, table.payload, table.response)
            .where(
                table.tenant_id == tenant_id,
                one_of(self._session, table.station_id, station_ids),
                table.action == "RequestStartTransaction",
                table.state == COMMAND_STATE_ANSWERED,
                table.create_time > now - _STARTS,
            )
            .order_by(table.command_id.desc())
            .limit(_MOST_STARTS)
        )
        starts = set()
        for station_id, payload, response in rows:
            if orjson.loads(response or "{}").get("status") == "Accepted":
                token = orjson.loads(payload).get("idToken", {})
                id_token, type_name = token.get("idToken", ""), token.get("type", "")
                starts.add((station_id, lookup_of(id_token, type_name), type_of(type_name)))
        return starts


def _table(name: str) -> Table:
    # By name: their modules belong to blocks that use this one.
    return Model.metadata.tables[name]


def _defaults(tenant_id: str) -> AuthorizationSettings:
    return AuthorizationSettings(
        tenant_id=tenant_id,
        exact_token_ids=False,
        master_pass_group_id="",
        contract_roots="",
        ocsp_hosts="[]",
        authorizer_address="",
        authorizer_tls=False,
        authorizer_ca_certificates="",
        authorizer_credential="",
        authorizer_ask=0,
        authorizer_timeout=None,
        authorizer_offline_policy=0,
    )
