"""Handlers of requests about certificates, and of the answers of stations to commands about certificates."""

import base64
from collections.abc import Sequence

from citrine.edge.v1.link_pb2 import OCPP_VERSION_21
from citrine.events.v1.events_pb2 import InstalledCertificateChanged
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import StatusInfo
from citrine_core.blocks.certificates.checks import read_certificate
from citrine_core.blocks.certificates.inquirer import PoolFinding, StatusFinding
from citrine_core.blocks.certificates.models import InstalledCertificate
from citrine_core.blocks.certificates.record import (
    TYPES,
    Installation,
    changed_event,
    install,
    matches,
    missing_from,
    report,
)
from citrine_core.blocks.certificates.repository import InstalledCertificateRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call, handles, handles_answer
from citrine_core.errors import InvalidArgument
from citrine_core.resources.commands.queries import find_requester
from citrine_core.resources.connections.queries import find_ocpp_version
from citrine_core.services import Services

__all__ = ["CertificatesHandlers"]

LONGEST_OCSP_RESULT = 5500
"""Most characters of ocspResult."""

LONGEST_OCSP_RESULT_21 = 18_000
"""The same in OCPP 2.1."""

LONGEST_EXI_RESPONSE = 7500
"""Most characters of exiResponse."""

LONGEST_EXI_RESPONSE_21 = 17_000
"""The same in OCPP 2.1."""

_Changed = InstalledCertificateChanged
_Deleted = ocpp.DeleteCertificateStatusEnum
_StatusResult = ocpp.GetCertificateStatusEnum
_EvResult = ocpp.Iso15118EVCertificateStatusEnum


class CertificatesHandlers:
    """Handles messages and answers of stations about certificates (functional block M)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    @handles(ocpp.GetCertificateStatusRequest, writes=False)
    async def get_certificate_status(
        self, work: UnitOfWork, call: Call[ocpp.GetCertificateStatusRequest]
    ) -> ocpp.GetCertificateStatusResponse:
        """Answer with the OCSP response, in DER and base64 (M06.FR.02, M06.FR.03, M06.FR.08, M06.FR.09)."""
        finding = call.finding
        if not isinstance(finding, StatusFinding) or not finding.content:
            # M06.FR.04
            reason = finding.problem if isinstance(finding, StatusFinding) else "the OCSP responder could not be asked"
            return _no_status("Unspecified", reason)
        result = base64.b64encode(finding.content).decode()
        version = await find_ocpp_version(work.session, call.tenant_id, call.station_id)
        if len(result) > (LONGEST_OCSP_RESULT_21 if version == OCPP_VERSION_21 else LONGEST_OCSP_RESULT):
            return _no_status("TooLargeElement", "the OCSP response is longer than ocspResult may be")
        return ocpp.GetCertificateStatusResponse(
            status=_StatusResult.GET_CERTIFICATE_STATUS_ENUM_ACCEPTED, ocsp_result=result
        )

    @handles(ocpp.Get15118EVCertificateRequest, writes=False)
    async def get_15118_ev_certificate(
        self, work: UnitOfWork, call: Call[ocpp.Get15118EVCertificateRequest]
    ) -> ocpp.Get15118EVCertificateResponse:
        """Answer with what the contract certificate pool has for the EV (M01, M02)."""
        finding = call.finding
        if not isinstance(finding, PoolFinding):
            return _no_contract("Unspecified", "the contract certificate pool could not be asked")
        version = await find_ocpp_version(work.session, call.tenant_id, call.station_id)
        most = LONGEST_EXI_RESPONSE_21 if version == OCPP_VERSION_21 else LONGEST_EXI_RESPONSE
        if len(finding.exi_response) > most:
            return _no_contract("TooLargeElement", "the response to the EV is longer than exiResponse may be")
        if not finding.accepted:
            return _no_contract("NotFound", finding.problem, finding.exi_response)
        return ocpp.Get15118EVCertificateResponse(
            status=_EvResult.ISO15118EV_CERTIFICATE_STATUS_ENUM_ACCEPTED,
            exi_response=finding.exi_response,
            remaining_contracts=finding.remaining_contracts,
        )

    @handles_answer(ocpp.InstallCertificateResponse)
    async def install_certificate_answered(
        self,
        work: UnitOfWork,
        answered: Answered[ocpp.InstallCertificateRequest, ocpp.InstallCertificateResponse],
    ) -> None:
        """Record a certificate that a station accepted (M05.FR.02)."""
        if answered.response.status != ocpp.INSTALL_CERTIFICATE_STATUS_ENUM_ACCEPTED:
            return
        try:
            certificate = read_certificate(answered.request.certificate)
        except InvalidArgument:
            # CallStation sends whatever its caller says. A report of the station will show what it made of it.
            return
        tenant_id, station_id = answered.tenant_id, answered.station_id
        repository = InstalledCertificateRepository(work.session)
        done = Installation(
            tenant_id,
            station_id,
            TYPES[answered.request.certificate_type],
            certificate,
            answered.command_id,
            await find_requester(work.session, tenant_id, answered.command_id),
            answered.receive_time,
        )
        row = install(await repository.find_for_update(tenant_id, station_id), done, self._clock())
        repository.add(row)
        work.emit(changed_event(row, _Changed.KIND_INSTALLED))

    @handles_answer(ocpp.DeleteCertificateResponse)
    async def delete_certificate_answered(
        self,
        work: UnitOfWork,
        answered: Answered[ocpp.DeleteCertificateRequest, ocpp.DeleteCertificateResponse],
    ) -> None:
        """Remove a certificate that a station deleted (M04.FR.02) or does not have (M04.FR.04)."""
        if answered.response.status == _Deleted.DELETE_CERTIFICATE_STATUS_ENUM_FAILED:
            return
        repository = InstalledCertificateRepository(work.session)
        rows = await repository.find_for_update(answered.tenant_id, answered.station_id)
        deleted = [row for row in rows if matches(row, answered.request.certificate_hash_data)]
        await _remove(work, deleted, _Changed.KIND_DELETED)

    @handles_answer(ocpp.GetInstalledCertificateIdsResponse)
    async def get_installed_certificate_ids_answered(
        self,
        work: UnitOfWork,
        answered: Answered[ocpp.GetInstalledCertificateIdsRequest, ocpp.GetInstalledCertificateIdsResponse],
    ) -> None:
        """Replace the record of the types that were asked for by what the station reported (M03.FR.02, M03.FR.04)."""
        repository, now = InstalledCertificateRepository(work.session), self._clock()
        rows = await repository.find_for_update(answered.tenant_id, answered.station_id)
        found = []
        for chain in answered.response.certificate_hash_data_chain:
            row = report(rows, answered.tenant_id, answered.station_id, chain, now)
            row.report_time = answered.receive_time
            found.append(row)
            if row not in rows:
                rows.append(row)
                repository.add(row)
                work.emit(changed_event(row, _Changed.KIND_FOUND))
        await _remove(work, missing_from(rows, answered.request.certificate_type, found), _Changed.KIND_MISSING)


async def _remove(
    work: UnitOfWork, rows: Sequence[InstalledCertificate], kind: InstalledCertificateChanged.Kind.ValueType
) -> None:
    await InstalledCertificateRepository(work.session).remove(rows)
    for row in rows:
        work.emit(changed_event(row, kind))


def _no_status(code: str, reason: str) -> ocpp.GetCertificateStatusResponse:
    return ocpp.GetCertificateStatusResponse(
        status=_StatusResult.GET_CERTIFICATE_STATUS_ENUM_FAILED, status_info=_info(code, reason)
    )


def _no_contract(code: str, reason: str, exi_response: str = "") -> ocpp.Get15118EVCertificateResponse:
    return ocpp.Get15118EVCertificateResponse(
        status=_EvResult.ISO15118EV_CERTIFICATE_STATUS_ENUM_FAILED,
        status_info=_info(code, reason),
        exi_response=exi_response,
    )


def _info(code: str, reason: str) -> StatusInfo:
    return StatusInfo(reason_code=code, additional_info=reason)
