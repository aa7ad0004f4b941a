"""A station with a trust store, and the API of its certificates."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from citrine.api.v1 import certificates_pb2 as pb
from citrine.api.v1.certificates_pb2_grpc import CertificatesServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.actions import ACTIONS, action_of, unwrap
from citrine.ocpp.codec import decode, encode
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import CertificateHashData
from tests.support.contracts import Issued, pem
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeSession
from tests.support.trust_stores import TrustStore, hash_data_of

__all__ = ["TARGET", "Certificates"]

TARGET = CommandTarget(station_id="CS-1")


@dataclass
class Certificates:
    """The API of certificates, and the one station that has some."""

    core: RunningCore
    session: FakeSession
    store: TrustStore

    def __post_init__(self) -> None:
        self.api = self.core.stub(CertificatesServiceStub)
        self.session.edge.on_command = self._answer

    def _answer(self, command: Any) -> Any:
        message = unwrap(command.request)
        action = action_of(message)
        response = ACTIONS[action.name].response
        assert response is not None
        return decode(response, self.store.answer(action.name, encode(message)))

    async def install(self, certificate: Issued | str, use: str = "CSMS_ROOT") -> str:
        """Install a certificate, and return the station's status."""
        request = ocpp.InstallCertificateRequest(
            certificate_type=ocpp.InstallCertificateUseEnum.Value(f"INSTALL_CERTIFICATE_USE_ENUM_{use}_CERTIFICATE"),
            certificate=certificate if isinstance(certificate, str) else pem(certificate),
        )
        answer = await self.api.InstallCertificate(pb.InstallCertificateRequest(target=TARGET, request=request))
        return ocpp.InstallCertificateStatusEnum.Name(answer.response.status).rpartition("ENUM_")[2]

    async def report(self, *uses: str) -> str:
        """Have the station report its certificates, and return its status."""
        types = [ocpp.GetCertificateIdUseEnum.Value(f"GET_CERTIFICATE_ID_USE_ENUM_{use}") for use in uses]
        request = ocpp.GetInstalledCertificateIdsRequest(certificate_type=types)
        answer = await self.api.GetInstalledCertificateIds(
            pb.GetInstalledCertificateIdsRequest(target=TARGET, request=request)
        )
        return ocpp.GetInstalledCertificateStatusEnum.Name(answer.response.status).rpartition("ENUM_")[2]

    async def delete(self, certificate: Issued, algorithm: str = "SHA256", *, force: bool = False) -> str:
        """Delete a certificate, and return the station's status."""
        data = decode(CertificateHashData, hash_data_of(certificate.certificate, algorithm))
        request = ocpp.DeleteCertificateRequest(certificate_hash_data=data)
        answer = await self.api.DeleteCertificate(
            pb.DeleteCertificateRequest(target=TARGET, request=request, force=force)
        )
        return ocpp.DeleteCertificateStatusEnum.Name(answer.response.status).rpartition("ENUM_")[2]

    async def listed(self, **fields: Any) -> list[pb.InstalledCertificate]:
        """Return the record, the oldest first."""
        answer = await self.api.ListInstalledCertificates(pb.ListInstalledCertificatesRequest(**fields))
        return list(reversed(answer.installed_certificates))


@pytest.fixture
async def certificates(core: RunningCore) -> AsyncIterator[Certificates]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        # Answered once the core knows that the station is connected.
        await session.call(HeartbeatRequest())
        yield Certificates(core, session, TrustStore())
