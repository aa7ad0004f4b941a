"""Inquiries about certificates to OCSP responders and the contract certificate pool, before messages are handled."""

import asyncio
import hashlib
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from google.protobuf.message import Message

from citrine.ocpp.v2.certificates_pb2 import Get15118EVCertificateRequest, GetCertificateStatusRequest
from citrine_core.blocks.authorization import SettingsDirectory
from citrine_core.blocks.certificates.contract_pool import Contract, ContractPool, PoolFailed
from citrine_core.dispatch import Call
from citrine_core.resources.ocsp import CertId, Ocsp
from citrine_core.services import Services

__all__ = ["CertificatesInquirer", "PoolFinding", "StatusFinding"]

logger = logging.getLogger(__name__)

POOL_TIMEOUT = 4.0
"""Seconds in which the pool must answer: an EV waits 5 for its station (M01, M02)."""

LEAST_TIME = 0.05
"""Least seconds in which the pool must answer, even if the inquiry waited longer than the timeout."""

MOST_EVS = 1000
"""EVs of which further contracts are remembered."""

REMEMBERED_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class StatusFinding:
    """What is known of a certificate's revocation."""

    content: bytes
    """OCSPResponse in DER. Empty: there is none."""
    problem: str = ""
    """Why not, for the vendor of the station."""


@dataclass(frozen=True, slots=True)
class PoolFinding:
    """What the pool has for an EV."""

    accepted: bool
    exi_response: str = ""
    """EXI in base64, for the EV. Empty: there is none."""
    remaining_contracts: int | None = None
    """How many more the EV may ask for. None: it can't have more than one."""
    problem: str = ""
    """Why not, for the vendor of the station."""


class CertificatesInquirer:
    """Asks OCSP responders and the contract certificate pool.

    Args:
        services: The services of this core.
        pool: The pool. None: there is none.
    """

    def __init__(self, services: Services, pool: ContractPool | None) -> None:
        self._services = services
        self._clock = services.clock
        self._directory = SettingsDirectory.of(services)
        self._pool = pool
        self._ocsp = Ocsp.of(services)
        self._further: dict[tuple[str, str, bytes], tuple[datetime, Sequence[Contract]]] = {}
        """Contracts that EVs have not got yet, by tenant, station and request (M01.FR.07 of OCPP 2.1)."""

    @property
    def messages(self) -> frozenset[type[Message]]:
        """Messages that need an answer of others."""
        return frozenset({GetCertificateStatusRequest, Get15118EVCertificateRequest})

    def wants(self, tenant_id: str, message: Any) -> bool:
        """Return True: all of them do."""
        return True

    async def ask(self, calls: Sequence[Call[Any]], waited: float) -> Sequence[StatusFinding | PoolFinding]:
        """Return what was found out for calls of one tenant, in the same order."""
        if not self._directory.loaded:
            await self._directory.refresh()
        settings = self._directory.find(calls[0].tenant_id)
        hosts: list[str] = orjson.loads(settings.ocsp_hosts) if settings is not None else []

        async def ask(call: Call[Any]) -> StatusFinding | PoolFinding:
            if isinstance(call.message, GetCertificateStatusRequest):
                return await self._ask_responder(call.message, hosts)
            return await self._ask_pool(call, waited)

        return await asyncio.gather(*map(ask, calls))

    async def _ask_responder(self, message: GetCertificateStatusRequest, hosts: Collection[str]) -> StatusFinding:
        data = message.ocsp_request_data
        try:
            certificate = CertId.of(data)
            certificate.request()
        except ValueError:
            return StatusFinding(b"", "the hash data is malformed")
        # The station has the certificates of the chain, and verifies the response with them.
        answer = await self._ocsp.ask(certificate, data.responder_url, (), self._clock(), hosts, verify=False)
        if answer is None:
            return StatusFinding(b"", "the OCSP responder gave no usable answer, or must not be asked")
        return StatusFinding(answer.content)

    async def _ask_pool(self, call: Call[Get15118EVCertificateRequest], waited: float) -> PoolFinding:
        if self._pool is None:
            return PoolFinding(False, problem="there is no contract certificate pool")
        message, now = call.message, self._clock()
        several = message.HasField("maximum_contract_certificate_chains")
        key = (call.tenant_id, call.station_id, hashlib.sha256(message.exi_request.encode()).digest())
        expires, contracts = self._further.pop(key, (now, ()))
        if not contracts or expires <= now:
            try:
                async with asyncio.timeout(max(POOL_TIMEOUT - waited, LEAST_TIME)):
                    answer = await self._pool.find(message.iso_15118_schema_version, message.exi_request)
            except (PoolFailed, TimeoutError) as error:
                problem = str(error) or "the contract certificate pool did not answer in time"
                logger.warning("a contract could not be got: %s", problem, extra={"station_id": call.station_id})
                return PoolFinding(False, problem=problem)
            if not answer.contracts:
                return PoolFinding(False, answer.refusal, problem="the pool has no contract for the vehicle")
            contracts = _by_priority(answer.contracts, message) if several else answer.contracts[:1]
        first, further = contracts[0], contracts[1:]
        if further:
            self._remember(key, now, further)
        return PoolFinding(True, first.exi_response, len(further) if several else None)

    def _remember(self, key: tuple[str, str, bytes], now: datetime, contracts: Sequence[Contract]) -> None:
        while len(self._further) >= MOST_EVS:
            self._further.pop(next(iter(self._further)))
        self._further[key] = (now + REMEMBERED_FOR, contracts)


def _by_priority(contracts: Sequence[Contract], message: Get15118EVCertificateRequest) -> Sequence[Contract]:
    """Return the contracts that an EV may get, those whose eMAIDs it prefers first (M01.FR.04 of OCPP 2.1)."""
    wanted = {emaid.lower(): place for place, emaid in enumerate(message.prioritized_emaids)}
    ordered = sorted(contracts, key=lambda one: wanted.get(one.emaid.lower(), len(wanted)))
    return ordered[: max(message.maximum_contract_certificate_chains, 1)]
