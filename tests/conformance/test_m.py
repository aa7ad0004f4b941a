"""Block M, certificate management: certificates installed, reported and deleted, OCSP, and contracts of EVs."""

import base64
import binascii
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import certificates_pb2 as pb
from citrine.api.v1.authorization_pb2 import AuthorizationSettings, UpdateAuthorizationSettingsRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.codec import decode
from citrine.ocpp.v2 import certificates_pb2 as v2
from citrine.ocpp.v2.types_pb2 import CertificateHashData
from citrine_sdk import Citrine
from tests.conformance.states import booted
from tests.conformance.station import ConformanceStation
from tests.support.contract_pools import Pool, exi
from tests.support.contracts import Responder, issue, pem, responder
from tests.support.trust_stores import ALGORITHMS, TrustStore, hash_data_of

CSMS, MANUFACTURER, V2G, MO = (
    *("CSMSRootCertificate", "ManufacturerRootCertificate", "V2GRootCertificate", "MORootCertificate"),
)
CHAIN = "V2GCertificateChain"

SCHEMA = "urn:iso:15118:2:2013:MsgDef"


@pytest.fixture
async def responding() -> AsyncIterator[Responder]:
    """An OCSP service, to which the responder URLs lead."""
    async with responder() as running:
        yield running


def target(station: ConformanceStation) -> CommandTarget:
    return CommandTarget(station_id=station.station_id)


async def installed(
    station: ConformanceStation, api: Citrine, use: str, store: TrustStore | None = None
) -> x509.Certificate:
    """The reusable state CertificateInstalled; with a store that refuses, the attempt."""
    store, root = store or TrustStore(), issue(f"{use} of {station.station_id}")
    request = decode(v2.InstallCertificateRequest, {"certificateType": use, "certificate": pem(root)})
    asked, response = await station.asked_by(
        api.certificates.InstallCertificate(pb.InstallCertificateRequest(target=target(station), request=request)),
        "InstallCertificate",
        lambda payload: store.answer("InstallCertificate", payload),
    )
    status = v2.InstallCertificateStatusEnum.Name(response.response.status).rpartition("ENUM_")[2]
    assert asked == {"certificateType": use, "certificate": pem(root)}
    assert status == (store.refusal or "Accepted").upper()
    return root.certificate


async def reported(station: ConformanceStation, api: Citrine, chains: list[dict[str, Any]], *types: str) -> None:
    """The reusable state GetInstalledCertificates: the station reports its certificates of the types."""
    request = decode(v2.GetInstalledCertificateIdsRequest, {"certificateType": list(types)} if types else {})
    answer = {"status": "Accepted", "certificateHashDataChain": chains} if chains else {"status": "NotFound"}
    asked, response = await station.asked_by(
        api.certificates.GetInstalledCertificateIds(
            pb.GetInstalledCertificateIdsRequest(target=target(station), request=request)
        ),
        "GetInstalledCertificateIds",
        answer,
    )
    assert asked == ({"certificateType": list(types)} if types else {})
    assert response.response == decode(v2.GetInstalledCertificateIdsResponse, answer)


async def record(station: ConformanceStation, api: Citrine) -> list[v2.CertificateHashDataChain]:
    """Return what the CSMS says that the station has, the oldest first."""
    request = pb.ListInstalledCertificatesRequest(station_id=station.station_id)
    found = (await api.certificates.ListInstalledCertificates(request)).installed_certificates
    return [
        v2.CertificateHashDataChain(
            certificate_type=one.certificate_type,
            certificate_hash_data=one.certificate_hash_data,
            child_certificate_hash_data=one.child_certificate_hash_data,
        )
        for one in reversed(found)
    ]


def chain_of(use: str, algorithm: str = "SHA256") -> dict[str, Any]:
    """Return what a station reports of a certificate of a type; of a V2G chain with its sub-CA."""
    root = issue(f"root of {use}")
    if use != CHAIN:
        return {"certificateType": use, "certificateHashData": hash_data_of(root.certificate, algorithm)}
    sub = issue("V2G sub-CA", root)
    leaf = issue("SECC", sub, ca=False)
    return {
        "certificateType": use,
        "certificateHashData": hash_data_of(leaf.certificate, algorithm, sub.certificate),
        "childCertificateHashData": [hash_data_of(sub.certificate, algorithm, root.certificate)],
    }


def as_shown(chains: list[dict[str, Any]]) -> list[Any]:
    return [decode(v2.CertificateHashDataChain, one) for one in chains]


async def install_case(station: ConformanceStation, api: Citrine, use: str) -> None:
    await booted(station)

    await installed(station, api, use)

    (found,) = await record(station, api)
    assert v2.GetCertificateIdUseEnum.Name(found.certificate_type).replace("_", "").endswith(use.upper())


async def report_case(station: ConformanceStation, api: Citrine, *types: str, algorithm: str = "SHA256") -> None:
    chains = [chain_of(use, algorithm) for use in types]

    await reported(station, api, chains, *types)

    assert await record(station, api) == as_shown(chains)


async def test_TC_M_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A CSMS root certificate is installed."""
    await install_case(station, api, CSMS)


async def test_TC_M_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A root certificate of the manufacturer is installed."""
    await install_case(station, api, MANUFACTURER)


async def test_TC_M_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A V2G root certificate is installed."""
    await install_case(station, api, V2G)


async def test_TC_M_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A root certificate of a mobility operator is installed."""
    await install_case(station, api, MO)


async def test_TC_M_05_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station fails to install a certificate."""
    await booted(station)

    await installed(station, api, CSMS, TrustStore(refusal="Failed"))

    assert await record(station, api) == []


async def test_TC_M_12_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """CSMS root certificates are reported, with each hash algorithm."""
    await booted(station)

    await report_case(station, api, CSMS, algorithm="SHA256")
    await report_case(station, api, CSMS, algorithm="SHA384")
    await report_case(station, api, CSMS, algorithm="SHA512")


async def test_TC_M_13_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Root certificates of the manufacturer are reported."""
    await booted(station)

    await report_case(station, api, MANUFACTURER)


async def test_TC_M_14_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """V2G root certificates are reported."""
    await booted(station)

    await report_case(station, api, V2G)


async def test_TC_M_15_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A V2G certificate chain is reported, with its sub-CAs."""
    await booted(station)

    await report_case(station, api, CHAIN)


async def test_TC_M_16_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Root certificates of mobility operators are reported."""
    await booted(station)

    await report_case(station, api, MO)


async def test_TC_M_17_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Root certificates of the CSMS and of the manufacturer are reported."""
    await booted(station)

    await report_case(station, api, CSMS, MANUFACTURER)


async def test_TC_M_18_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Certificates of all types are reported."""
    await booted(station)
    chains = [chain_of(use) for use in (CSMS, MANUFACTURER, V2G, CHAIN, MO)]

    await reported(station, api, chains)

    assert await record(station, api) == as_shown(chains)


async def test_TC_M_19_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station has no certificate of the type."""
    await booted(station)
    await report_case(station, api, MANUFACTURER)

    await reported(station, api, [], MANUFACTURER)

    assert await record(station, api) == []


async def delete(station: ConformanceStation, api: Citrine, data: dict[str, Any], answer: str) -> None:
    """Have the CSMS delete a certificate that the station reported; it is the last one, so by force."""
    request = v2.DeleteCertificateRequest(certificate_hash_data=decode(CertificateHashData, data))
    asked, response = await station.asked_by(
        api.certificates.DeleteCertificate(
            pb.DeleteCertificateRequest(target=target(station), request=request, force=True)
        ),
        "DeleteCertificate",
        {"status": answer},
    )
    assert asked == {"certificateHashData": data}
    assert v2.DeleteCertificateStatusEnum.Name(response.response.status).endswith(answer.upper())


async def test_TC_M_20_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A certificate is deleted, by each hash algorithm."""
    await booted(station)

    for algorithm in ALGORITHMS:
        root = await installed(station, api, CSMS)
        data = hash_data_of(root, algorithm)
        await reported(station, api, [{"certificateType": CSMS, "certificateHashData": data}], CSMS)
        await delete(station, api, data, "Accepted")

        assert await record(station, api) == []


async def test_TC_M_21_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station fails to delete a certificate."""
    await booted(station)
    data = hash_data_of(await installed(station, api, CSMS))
    chains = [{"certificateType": CSMS, "certificateHashData": data}]
    await reported(station, api, chains, CSMS)

    await delete(station, api, data, "Failed")

    assert await record(station, api) == as_shown(chains)


async def test_TC_M_24_CSMS(station: ConformanceStation, api: Citrine, responding: Responder) -> None:
    """The status of certificates is got from their OCSP service."""
    settings = AuthorizationSettings(ocsp_hosts=["127.0.0.1"])
    change = UpdateAuthorizationSettingsRequest(settings=settings, update_mask=FieldMask(paths=["ocsp_hosts"]))
    await api.authorization.UpdateAuthorizationSettings(change)
    first = issue("V2G sub-CA 1", issue("V2G root"), url=responding.url)
    second = issue("V2G sub-CA 2", first, url=responding.url)
    responding.add(first, second)
    await booted(station)

    for one in (first, second):
        response = await station.call("GetCertificateStatus", {"ocspRequestData": one.hash_data(responding.url)})

        assert response["status"] == "Accepted"
        found = ocsp.load_der_ocsp_response(base64.b64decode(response["ocspResult"], validate=True))
        assert found.serial_number == one.certificate.serial_number
        assert found.certificate_status is ocsp.OCSPCertStatus.GOOD


async def ev_case(station: ConformanceStation, pool: Pool, action: str) -> None:
    asked, answered = exi(f"{action} {station.station_id}"), exi(f"contract of {station.station_id}")
    pool.contracts[asked] = [("DE8AACA2B3C4D59", answered)]
    await booted(station)

    response = await station.call(
        "Get15118EVCertificate", {"iso15118SchemaVersion": SCHEMA, "action": action, "exiRequest": asked}
    )

    assert response == {"status": "Accepted", "exiResponse": answered}
    assert binascii.a2b_base64(response["exiResponse"], strict_mode=True)
    assert {"certificateInstallationReq": asked, "xsdMsgDefNamespace": SCHEMA} in pool.asked


async def test_TC_M_26_CSMS(station: ConformanceStation, contract_pool: Pool) -> None:
    """An EV gets a contract from the contract certificate pool."""
    await ev_case(station, contract_pool, "Install")


async def test_TC_M_28_CSMS(station: ConformanceStation, contract_pool: Pool) -> None:
    """An EV gets its contract renewed by the contract certificate pool."""
    await ev_case(station, contract_pool, "Update")
