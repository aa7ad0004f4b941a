"""AuthorizationService: the gRPC face of functional block C."""

from collections.abc import Collection
from functools import partial

import grpc
import orjson

from citrine.api.v1 import authorization_pb2 as pb
from citrine.api.v1 import authorization_pb2_grpc
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_core.blocks.authorization.directory import SettingsDirectory, settings_to_proto
from citrine_core.blocks.authorization.models import AuthorizationSettings
from citrine_core.blocks.authorization.records import AuthorizationRecord, AuthorizationRecords
from citrine_core.blocks.authorization.repository import AUTHORIZER_CREDENTIALS, AuthorizationRepository
from citrine_core.db import UnitOfWork
from citrine_core.errors import InvalidArgument
from citrine_core.resources.certificate_store import ContractRoots, read_contract_roots, replace_contract_roots
from citrine_core.resources.stations.selection import checked_selector
from citrine_core.resources.tenants.queries import lock_tenant
from citrine_core.rpc import (
    apply_mask,
    caller,
    check_etag,
    check_length,
    check_printable,
    open_page,
    required,
    span_of,
    to_timestamp,
)
from citrine_core.services import Services
from citrine_process.addresses import split_address
from citrine_process.settings import InvalidSetting

__all__ = ["AuthorizationServicer"]

CHANGEABLE = frozenset(
    {"master_pass_group_id", "authorizer", "contract_roots", "ocsp_hosts", "exact_token_ids", "lost_authorization"}
)
"""Fields that UpdateAuthorizationSettings may change."""

LONGEST_TIMEOUT = 20.0
"""Most seconds that an authorizer may be given: stations time out soon after."""

HOSTS = 20
"""Most hosts of OCSP responders that a tenant may name."""

LONGEST_CERTIFICATES = 100_000
"""Most characters of certificates in PEM."""


class AuthorizationServicer(authorization_pb2_grpc.AuthorizationServiceServicer):
    """Serves the settings of decisions on tokens, their history, and ClearCache."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._directory = SettingsDirectory.of(services)
        self._contract_roots = ContractRoots.of(services)

    async def GetAuthorizationSettings(
        self,
        request: pb.GetAuthorizationSettingsRequest,
        context: grpc.aio.ServicerContext[pb.GetAuthorizationSettingsRequest, pb.AuthorizationSettings],
    ) -> pb.AuthorizationSettings:
        tenant_id = caller(context).tenant_id
        async with self._services.unit_of_work(read_only=True) as work:
            settings = await AuthorizationRepository(work.session).settings_of(tenant_id)
            return settings_to_proto(settings, await read_contract_roots(work, tenant_id))

    async def UpdateAuthorizationSettings(
        self,
        request: pb.UpdateAuthorizationSettingsRequest,
        context: grpc.aio.ServicerContext[pb.UpdateAuthorizationSettingsRequest, pb.AuthorizationSettings],
    ) -> pb.AuthorizationSettings:
        fields = apply_mask(request.update_mask, request.settings, CHANGEABLE)
        _check(request.settings, fields)
        tenant_id = caller(context).tenant_id
        credential = request.settings.authorizer.credential if "authorizer" in fields else ""
        if credential:
            credential = await self._services.cipher.encrypt(credential, AUTHORIZER_CREDENTIALS.context(tenant_id))
        async with self._services.unit_of_work() as work:
            repository = AuthorizationRepository(work.session)
            await lock_tenant(work.session, tenant_id)
            settings = await repository.settings_of(tenant_id, for_update=True)
            if request.settings.etag:
                present = settings_to_proto(settings, await read_contract_roots(work, tenant_id))
                check_etag("the settings", request.settings.etag, present.etag)
            _assign(settings, request.settings, fields, credential)
            await repository.save_settings(settings)
            if "contract_roots" in fields:
                await self._replace_contract_roots(work, tenant_id, request.settings.contract_roots)
            roots = await read_contract_roots(work, tenant_id)
            work.after_commit(partial(self._directory.put, settings))
            await work.commit()
        if "contract_roots" in fields:
            await self._contract_roots.refresh()
        return settings_to_proto(settings, roots)

    async def GetAuthorizationRecord(
        self,
        request: pb.GetAuthorizationRecordRequest,
        context: grpc.aio.ServicerContext[pb.GetAuthorizationRecordRequest, pb.AuthorizationRecord],
    ) -> pb.AuthorizationRecord:
        record_id = required("record_id", request.record_id)
        async with self._services.unit_of_work(read_only=True) as work:
            return _to_proto(await AuthorizationRecords(work.session).get(caller(context).tenant_id, record_id))

    async def ListAuthorizationRecords(
        self,
        request: pb.ListAuthorizationRecordsRequest,
        context: grpc.aio.ServicerContext[pb.ListAuthorizationRecordsRequest, pb.ListAuthorizationRecordsResponse],
    ) -> pb.ListAuthorizationRecordsResponse:
        async with self._services.unit_of_work(read_only=True) as work:
            rows, token = await AuthorizationRecords(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                id_token=request.id_token,
                group_id=request.group_id,
                purpose=request.purpose,
                status=request.status,
                refused_only=request.refused_only,
                decided=span_of(request.decide_time),
                stations=checked_selector(request.stations),
            )
        return pb.ListAuthorizationRecordsResponse(records=map(_to_proto, rows), next_page_token=token)

    async def _replace_contract_roots(self, work: UnitOfWork, tenant_id: str, text: str) -> None:
        notice = self._services.settings.certificate_expiry_notice
        await replace_contract_roots(work, tenant_id, text, self._services.clock(), notice)

    async def ClearCache(
        self,
        request: pb.ClearCacheRequest,
        context: grpc.aio.ServicerContext[pb.ClearCacheRequest, pb.ClearCacheResponse],
    ) -> pb.ClearCacheResponse:
        return await self._services.commands.call(context, request, pb.ClearCacheResponse)


def _to_proto(row: AuthorizationRecord) -> pb.AuthorizationRecord:
    return pb.AuthorizationRecord(
        record_id=str(row.id),
        station_id=row.station_id,
        evse_id=row.evse_id,
        transaction_id=row.transaction_id,
        purpose=pb.AuthorizationPurpose.ValueType(row.purpose),
        id_token=IdToken(id_token=row.id_token, type=row.id_token_type),
        group_id=row.group_id,
        status=AuthorizationStatusEnum.ValueType(row.status),
        authorizer=pb.AuthorizerPart.ValueType(row.authorizer),
        decide_time=to_timestamp(row.decide_time),
    )


def _check(settings: pb.AuthorizationSettings, fields: Collection[str]) -> None:
    if "master_pass_group_id" in fields:
        check_length("settings.master_pass_group_id", settings.master_pass_group_id, 36)
        check_printable("settings.master_pass_group_id", settings.master_pass_group_id)
    if "contract_roots" in fields:
        check_length("settings.contract_roots", settings.contract_roots, LONGEST_CERTIFICATES)
    if "ocsp_hosts" in fields:
        if len(settings.ocsp_hosts) > HOSTS:
            raise InvalidArgument("settings.ocsp_hosts", f"must be at most {HOSTS}")
        for position, host in enumerate(settings.ocsp_hosts):
            check_length(f"settings.ocsp_hosts[{position}]", host, 255, least=1)
    if "authorizer" in fields and settings.HasField("authorizer"):
        _check_authorizer(settings.authorizer)


def _check_authorizer(authorizer: pb.Authorizer) -> None:
    field = "settings.authorizer"
    check_length(f"{field}.address", authorizer.address, 255, least=1)
    try:
        host, port = split_address(authorizer.address)
    except InvalidSetting as error:
        raise InvalidArgument(f"{field}.address", "must be host:port") from error
    if not host or not port:
        raise InvalidArgument(f"{field}.address", "must be host:port")
    check_length(f"{field}.credential", authorizer.credential, 1000)
    if not (authorizer.credential.isascii() and authorizer.credential.isprintable()):
        raise InvalidArgument(f"{field}.credential", "must have printable ASCII characters only")
    check_length(f"{field}.ca_certificates", authorizer.ca_certificates, LONGEST_CERTIFICATES)
    if authorizer.ca_certificates and not authorizer.tls:
        raise InvalidArgument(f"{field}.ca_certificates", "are only for TLS")
    if authorizer.HasField("timeout"):
        seconds = authorizer.timeout.ToMilliseconds() / 1000
        if not 0 < seconds <= LONGEST_TIMEOUT:
            raise InvalidArgument(f"{field}.timeout", f"must be more than 0 and at most {LONGEST_TIMEOUT:g} seconds")


def _assign(
    row: AuthorizationSettings, settings: pb.AuthorizationSettings, fields: Collection[str], credential: str
) -> None:
    if "master_pass_group_id" in fields:
        row.master_pass_group_id = settings.master_pass_group_id
    if "exact_token_ids" in fields:
        row.exact_token_ids = settings.exact_token_ids
    if "lost_authorization" in fields:
        row.lost_authorization = settings.lost_authorization
    if "ocsp_hosts" in fields:
        row.ocsp_hosts = orjson.dumps(list(settings.ocsp_hosts)).decode()
    if "authorizer" in fields:
        authorizer = settings.authorizer
        same = authorizer.address == row.authorizer_address
        row.authorizer_address = authorizer.address
        row.authorizer_tls = authorizer.tls
        row.authorizer_ca_certificates = authorizer.ca_certificates
        row.authorizer_ask = authorizer.ask
        row.authorizer_offline_policy = authorizer.offline_policy
        row.authorizer_timeout = authorizer.timeout.ToMilliseconds() if authorizer.HasField("timeout") else None
        # A credential is for one address: it is never sent to another one.
        if credential or not same:
            row.authorizer_credential = credential
