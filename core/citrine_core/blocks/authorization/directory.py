"""The authorization settings of all tenants in memory: each message needs them, and they change seldom."""

from collections.abc import Callable

import orjson
from google.protobuf.duration_pb2 import Duration
from sqlalchemy.ext.asyncio import AsyncSession

from citrine.api.v1 import authorization_pb2 as pb
from citrine_core.blocks.authorization.models import AuthorizationSettings
from citrine_core.blocks.authorization.repository import AuthorizationRepository
from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.tokens import same_spelling
from citrine_core.rpc import etag_of
from citrine_core.services import Services

__all__ = ["SettingsDirectory", "settings_to_proto"]


class SettingsDirectory:
    """Settings by tenant: read at the start and at an interval, and updated when this core changes them."""

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work
        self._settings: dict[str, AuthorizationSettings] = {}
        self.loaded = False
        """False until the settings were read for the first time."""
        self.on_change: list[Callable[[], None]] = []
        """Called when settings may have changed."""

    @classmethod
    def of(cls, services: Services) -> "SettingsDirectory":
        """Return the directory of this core; it is created on the first call."""
        found: SettingsDirectory | None = services.shared.get(cls)
        if found is None:
            found = services.shared[cls] = cls(services.unit_of_work)
        return found

    def find(self, tenant_id: str) -> AuthorizationSettings | None:
        """Return the settings of a tenant; None if it has none."""
        return self._settings.get(tenant_id)

    def master_pass_group_id(self, tenant_id: str) -> str:
        """Return the group of a tenant's master passes; empty if it has none."""
        found = self._settings.get(tenant_id)
        return found.master_pass_group_id if found is not None else ""

    def same_token(self, tenant_id: str, one: str, other: str) -> bool:
        """Return whether two ids with the same bytes are one token by the tenant's setting `exact_token_ids`."""
        found = self._settings.get(tenant_id)
        return found is None or not found.exact_token_ids or same_spelling(one, other)

    def put(self, settings: AuthorizationSettings) -> None:
        """Update the directory with settings that were committed."""
        self._settings[settings.tenant_id] = settings
        for changed in self.on_change:
            changed()

    async def load(self, session: AsyncSession) -> None:
        """Read all settings."""
        self._settings = {row.tenant_id: row for row in await AuthorizationRepository(session).settings()}
        self.loaded = True
        for changed in self.on_change:
            changed()

    async def refresh(self) -> None:
        """Read all settings in a transaction of its own. Called by a job."""
        async with self._unit_of_work(read_only=True) as work:
            await self.load(work.session)


def settings_to_proto(row: AuthorizationSettings, contract_roots: str) -> pb.AuthorizationSettings:
    """Return settings as the API shows them, without the credential; the roots are those of the certificate store."""
    shown = pb.AuthorizationSettings(
        master_pass_group_id=row.master_pass_group_id,
        contract_roots=contract_roots,
        ocsp_hosts=orjson.loads(row.ocsp_hosts),
        exact_token_ids=row.exact_token_ids,
        lost_authorization=pb.LostAuthorization.ValueType(row.lost_authorization),
    )
    if row.authorizer_address:
        shown.authorizer.CopyFrom(
            pb.Authorizer(
                address=row.authorizer_address,
                tls=row.authorizer_tls,
                ca_certificates=row.authorizer_ca_certificates,
                has_credential=bool(row.authorizer_credential),
                ask=pb.Authorizer.Ask.ValueType(row.authorizer_ask),
                offline_policy=pb.Authorizer.OfflinePolicy.ValueType(row.authorizer_offline_policy),
            )
        )
        if row.authorizer_timeout is not None:
            timeout = Duration()
            timeout.FromMilliseconds(row.authorizer_timeout)
            shown.authorizer.timeout.CopyFrom(timeout)
    shown.etag = etag_of(shown, row.authorizer_credential)
    return shown
