"""Queries of functional block C. Tables of other blocks are only read."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.authorization.models import AuthorizationSettings
from citrine_core.blocks.authorization.rules import OpenTransaction
from citrine_core.blocks.provisioning.queries import find_connector_types
from citrine_core.blocks.transactions.queries import find_open_of_tokens
from citrine_core.db import database_of
from citrine_core.encryption import SecretColumn
from citrine_core.resources.commands.queries import find_answered
from citrine_core.resources.tokens import TokenKey, lookup_of, type_of
from citrine_core.resources.tokens.queries import lock_tokens

__all__ = ["AUTHORIZER_CREDENTIALS", "AuthorizationRepository"]

AUTHORIZER_CREDENTIALS = SecretColumn(
    AuthorizationSettings.metadata.tables["authorization_settings"], "authorizer_credential", ("tenant_id",)
)
"""What operators' authorizers want to be told."""

_STARTS = timedelta(days=2)
"""How long after a RequestStartTransaction its token is accepted for the transaction."""

_MOST_STARTS = 200


class AuthorizationRepository:
    """Reads settings and the facts for decisions, with one query of each kind for a whole batch."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def settings(self) -> Sequence[AuthorizationSettings]:
        """Return the stored settings of all tenants."""
        return (await self._session.scalars(select(AuthorizationSettings))).all()

    async def settings_of(self, tenant_id: str, *, for_update: bool = False) -> AuthorizationSettings:
        """Return the settings of a tenant; the defaults, not stored, if it has none."""
        found = await self._session.get(AuthorizationSettings, tenant_id, with_for_update=for_update or None)
        return found if found is not None else _defaults(tenant_id)

    async def save_settings(self, settings: AuthorizationSettings) -> None:
        """Store settings."""
        await self._session.merge(settings)

    async def lock_tokens(self, tenant_id: str, keys: Collection[TokenKey]) -> None:
        """Lock tokens, by lookup and type, until the commit, so that concurrent decisions can't exceed their limits.

        A database with one writer needs no lock.
        """
        if not database_of(self._session).has_one_writer:
            await lock_tokens(self._session, tenant_id, keys)

    async def open_transactions(
        self, tenant_id: str, lookups: Collection[str], station_ids: Collection[str]
    ) -> list[OpenTransaction]:
        """Return the open accepted transactions of tokens, and those at stations.

        Orphaned transactions, and those that are over by other evidence, are left out: they would prevent their
        drivers from charging.
        """
        rows = await find_open_of_tokens(self._session, tenant_id, lookups, station_ids)
        return [
            OpenTransaction(station_id, transaction_id, lookup, type_of(kind or ""), group_id or "", evse_id)
            for station_id, transaction_id, lookup, kind, group_id, evse_id in rows
        ]

    async def connector_types(
        self, tenant_id: str, station_ids: Collection[str]
    ) -> dict[str, dict[int, frozenset[str]]]:
        """Return the types of connectors in lower case, by station and EVSE, from the device models."""
        return await find_connector_types(self._session, tenant_id, station_ids)

    async def remote_start_tokens(
        self, tenant_id: str, station_ids: Collection[str], now: datetime
    ) -> list[tuple[str, str, str]]:
        """Return station, id and type of the tokens of recent RequestStartTransactions, the latest first."""
        found = await find_answered(
            self._session, tenant_id, station_ids, "RequestStartTransaction", now - _STARTS, _MOST_STARTS
        )
        tokens = [(station_id, request.get("idToken", {})) for station_id, request, _ in found]
        return [(station_id, token.get("idToken", ""), token.get("type", "")) for station_id, token in tokens]

    async def remote_starts(
        self, tenant_id: str, station_ids: Collection[str], now: datetime
    ) -> set[tuple[str, str, str]]:
        """Return station, id and type of tokens of RequestStartTransactions that stations accepted."""
        found = await find_answered(
            self._session, tenant_id, station_ids, "RequestStartTransaction", now - _STARTS, _MOST_STARTS
        )
        starts = set()
        for station_id, request, answer in found:
            if answer.get("status") == "Accepted":
                token = request.get("idToken", {})
                id_token, type_name = token.get("idToken", ""), token.get("type", "")
                starts.add((station_id, lookup_of(id_token, type_name), type_of(type_name)))
        return starts


def _defaults(tenant_id: str) -> AuthorizationSettings:
    return AuthorizationSettings(
        tenant_id=tenant_id,
        exact_token_ids=False,
        lost_authorization=0,
        master_pass_group_id="",
        ocsp_hosts="[]",
        authorizer_address="",
        authorizer_tls=False,
        authorizer_ca_certificates="",
        authorizer_credential="",
        authorizer_ask=0,
        authorizer_timeout=None,
        authorizer_offline_policy=0,
    )
