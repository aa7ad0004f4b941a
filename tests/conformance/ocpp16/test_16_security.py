"""OCPP 1.6, the security whitepaper: passwords, certificates, security profiles and TLS."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from citrine.api.v1 import certificates_pb2, provisioning_pb2
from citrine.api.v1.remote_control_pb2 import TriggerMessageRequest
from citrine.api.v1.security_pb2 import ListSecurityEventsRequest
from citrine.api.v1.stations_pb2 import SetStationPasswordRequest
from citrine.ocpp.codec import decode
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2.remote_control_pb2 import MESSAGE_TRIGGER_ENUM_SIGN_CHARGING_STATION_CERTIFICATE
from citrine.ocpp.v2.remote_control_pb2 import TriggerMessageRequest as Trigger
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_sdk import Citrine
from tests.conformance.authorities import Authorities
from tests.conformance.conftest import PASSWORD
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation, now
from tests.conformance.test_a_transport import secure_url
from tests.support.contracts import issue, pem
from tests.support.deployment import Deployment
from tests.support.pki import Certified, new_key
from tests.support.raw_station import basic
from tests.support.signing_requests import signing_request
from tests.support.trust_stores import hash_data_of

ACCEPTED = {"status": "Accepted"}

NEW_PASSWORD = "another-horse-16ch"


async def refusal(station: ConformanceStation) -> int:
    """Return the status with which the handshake of a station is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await station.connect()
    return refused.value.response.status_code


async def security_event(station: ConformanceStation, api: Citrine, kind: str, shown: str) -> None:
    """Tell of a security event, which the API then shows by the name that later versions have for it."""
    assert await station.call("SecurityEventNotification", {"type": kind, "timestamp": now()}) == {}
    request = ListSecurityEventsRequest(station_id=station.station_id)
    found = (await api.security.ListSecurityEvents(request)).security_events
    assert [event.request.type for event in found] == [shown]


async def test_TC_073_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station gets a new password, as the hexadecimal digits of a text, and logs in by it."""
    await states.booted(station)
    rpc = api.stations.SetStationPassword(
        SetStationPasswordRequest(station_id=station.station_id, password=NEW_PASSWORD, send=True)
    )

    asked, changed = await station.asked_by(rpc, "ChangeConfiguration", ACCEPTED)

    assert asked["key"] == "AuthorizationKey"
    assert bytes.fromhex(asked["value"]).decode() == NEW_PASSWORD
    assert NEW_PASSWORD not in str(changed)
    station.password = NEW_PASSWORD
    await station.connect()
    await states.booted(station)
    station.password = PASSWORD
    assert await refusal(station) == 401


async def renewed(station: ConformanceStation, api: Citrine, answer: str = "Accepted") -> Certified:
    """Have the station ask for a certificate, and get it."""
    message = Trigger(requested_message=MESSAGE_TRIGGER_ENUM_SIGN_CHARGING_STATION_CERTIFICATE)
    rpc = api.remote_control.TriggerMessage(TriggerMessageRequest(target=states.target(station), request=message))
    asked, _ = await station.asked_by(rpc, "ExtendedTriggerMessage", ACCEPTED)
    assert asked == {"requestedMessage": "SignChargePointCertificate"}
    key = new_key()
    assert await station.call("SignCertificate", {"csr": signing_request(station.station_id, key)}) == ACCEPTED
    signed = await station.asked("CertificateSigned", {"status": answer})
    chain = x509.load_pem_x509_certificates(signed["certificateChain"].encode())
    assert chain[0].public_key() == key.public_key()
    return Certified(chain[0], key, tuple(chain[1:]))


async def test_TC_074_CSMS(
    station: ConformanceStation, api: Citrine, authorities: Authorities, deployment: Deployment, tmp_path: Path
) -> None:
    """A station is asked to renew its certificate, and connects by the new one."""
    await states.booted(station)

    own = await renewed(station, api)

    own.certificate.verify_directly_issued_by(authorities.station.own.certificate)
    station.tls = ssl.create_default_context(cadata=authorities.csms.pem)
    station.tls.load_cert_chain(*own.write(tmp_path, "station"))
    station.url, station.password = secure_url(deployment, 3), ""
    await station.connect()
    await states.booted(station)


async def install(
    station: ConformanceStation, api: Citrine, use: str, spelled: str, answer: str = "Accepted"
) -> x509.Certificate:
    """Have a root certificate installed; return it."""
    root = issue(f"{use} of {station.station_id}")
    request = decode(ocpp.InstallCertificateRequest, {"certificateType": use, "certificate": pem(root)})
    rpc = api.certificates.InstallCertificate(
        certificates_pb2.InstallCertificateRequest(target=states.target(station), request=request)
    )
    asked, response = await station.asked_by(rpc, "InstallCertificate", {"status": answer})
    assert asked == {"certificateType": spelled, "certificate": pem(root)}
    assert spelling_of(ocpp.InstallCertificateStatusEnum, response.response.status) == answer
    return root.certificate


async def report(
    station: ConformanceStation, api: Citrine, use: str, spelled: str, certificate: x509.Certificate
) -> dict[str, Any]:
    """Have the station report the certificates of a type; return the hash data of the one that it has."""
    data = hash_data_of(certificate)
    request = decode(ocpp.GetInstalledCertificateIdsRequest, {"certificateType": [use]})
    rpc = api.certificates.GetInstalledCertificateIds(
        certificates_pb2.GetInstalledCertificateIdsRequest(target=states.target(station), request=request)
    )
    answer = {"status": "Accepted", "certificateHashData": [data]}
    asked, response = await station.asked_by(rpc, "GetInstalledCertificateIds", answer)
    assert asked == {"certificateType": spelled}
    (chain,) = response.response.certificate_hash_data_chain
    assert chain.certificate_hash_data.serial_number == data["serialNumber"]
    return data


async def install_case(station: ConformanceStation, api: Citrine, use: str, spelled: str) -> None:
    await states.booted(station)
    certificate = await install(station, api, use, spelled)
    await report(station, api, use, spelled, certificate)


async def test_TC_075_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A root certificate of the manufacturer is installed, and reported."""
    await install_case(station, api, "ManufacturerRootCertificate", "ManufacturerRootCertificate")


async def test_TC_075_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A root certificate of the central system is installed, and reported."""
    await install_case(station, api, "CSMSRootCertificate", "CentralSystemRootCertificate")


async def test_TC_076_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A certificate is deleted."""
    await states.booted(station)
    use = "ManufacturerRootCertificate"
    data = await report(station, api, use, use, await install(station, api, use, use))
    request = decode(ocpp.DeleteCertificateRequest, {"certificateHashData": data})
    rpc = api.certificates.DeleteCertificate(
        certificates_pb2.DeleteCertificateRequest(target=states.target(station), request=request)
    )

    asked, response = await station.asked_by(rpc, "DeleteCertificate", ACCEPTED)

    assert asked == {"certificateHashData": data}
    assert spelling_of(ocpp.DeleteCertificateStatusEnum, response.response.status) == "Accepted"


async def test_TC_077_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station rejects its new certificate, which is a security event."""
    await states.booted(station)

    await renewed(station, api, "Rejected")

    await security_event(station, api, "InvalidChargePointCertificate", "InvalidChargingStationCertificate")


async def test_TC_078_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station rejects a root certificate of the central system, which is a security event."""
    await states.booted(station)

    await install(station, api, "CSMSRootCertificate", "CentralSystemRootCertificate", "Rejected")

    await security_event(station, api, "InvalidCentralSystemCertificate", "InvalidCsmsCertificate")


async def test_TC_083_CSMS(
    station: ConformanceStation, api: Citrine, deployment: Deployment, authorities: Authorities
) -> None:
    """A station is moved to a higher security profile, and is let in by no lower one from then on."""
    await states.booted(station)
    plain = station.url
    data = provisioning.SetVariableData(
        component=Component(name="SecurityCtrlr"), variable=Variable(name="SecurityProfile"), attribute_value="2"
    )
    rpc = api.provisioning.SetVariables(
        provisioning_pb2.SetVariablesRequest(
            target=states.target(station), request=provisioning.SetVariablesRequest(set_variable_data=[data])
        )
    )

    asked, _ = await station.asked_by(rpc, "ChangeConfiguration", ACCEPTED)

    assert asked == {"key": "SecurityProfile", "value": "2"}
    station.url, station.tls = secure_url(deployment, 2), ssl.create_default_context(cadata=authorities.csms.pem)
    await station.connect()
    await states.booted(station)
    station.url, station.tls = plain, None
    assert await refusal(station) == 403


async def test_TC_085_CSMS(station: ConformanceStation) -> None:
    """A station logs in with its password, and with no other."""
    await station.connect()
    await states.booted(station)

    station.password = "not-the-password-of-it"
    assert await refusal(station) == 401


async def test_TC_086_CSMS(station: ConformanceStation, deployment: Deployment, authorities: Authorities) -> None:
    """A station connects by TLS, and verifies the certificate of the central system."""
    station.url, station.tls = secure_url(deployment, 2), ssl.create_default_context(cadata=authorities.csms.pem)

    await station.connect()
    await states.booted(station)


async def test_TC_087_CSMS(
    station: ConformanceStation, deployment: Deployment, authorities: Authorities, tmp_path: Path
) -> None:
    """A station connects by its certificate."""
    own = authorities.station.issue(station.station_id)
    station.tls = ssl.create_default_context(cadata=authorities.csms.pem)
    station.tls.load_cert_chain(*own.write(tmp_path, "station"))
    station.url, station.password = secure_url(deployment, 3), ""

    await station.connect()
    await states.booted(station)


async def test_TC_088_CSMS(station: ConformanceStation) -> None:
    """Of the versions that a station offers, one that both speak is chosen; with none, the upgrade is rejected."""
    url, headers = f"{station.url}/{station.station_id}", basic(station.station_id, station.password)

    async def chosen(*offered: Any) -> str | None:
        async with connect(url, subprotocols=offered, additional_headers=headers) as websocket:
            return websocket.subprotocol

    assert await chosen("ocpp1.6") == "ocpp1.6"
    assert await chosen("ocpp1.5", "ocpp1.6") == "ocpp1.6"
    with pytest.raises(InvalidStatus):
        await chosen("ocpp1.5")
