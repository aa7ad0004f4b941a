"""Block A, Security: certificates that stations order for themselves (A02)."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from citrine.api.v1 import security_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import TriggerMessageRequest
from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine_sdk import Citrine
from tests.conformance.authorities import Authorities
from tests.conformance.states import booted
from tests.conformance.station import ConformanceStation, now
from tests.conformance.test_a_transport import secure_url
from tests.support.deployment import Deployment
from tests.support.pki import Authority, Certified, Key, new_key
from tests.support.signing_requests import signing_request
from tests.support.waiting import WAIT

KINDS = {
    "SignChargingStationCertificate": "ChargingStationCertificate",
    "SignV2GCertificate": "V2GCertificate",
    "SignCombinedCertificate": "",
}
"""certificateType that a station sends, by requestedMessage."""


async def renewed(
    station: ConformanceStation, api: Citrine, requested: str, *, status: str = "Accepted"
) -> tuple[Key, dict[str, Any]]:
    """Have a certificate ordered and sent (RenewChargingStationCertificate); return the key, and what came."""
    kind = number_of(ocpp.MessageTriggerEnum, requested)
    assert kind is not None
    message = ocpp.TriggerMessageRequest(requested_message=ocpp.MessageTriggerEnum.ValueType(kind))
    rpc = api.remote_control.TriggerMessage(
        TriggerMessageRequest(target=CommandTarget(station_id=station.station_id), request=message)
    )
    asked, _ = await station.asked_by(rpc, "TriggerMessage", {"status": "Accepted"})
    assert asked == {"requestedMessage": requested}

    key = new_key()
    request = {"csr": signing_request(station.station_id, key)}
    if KINDS[requested]:
        request["certificateType"] = KINDS[requested]
    answer = await station.call("SignCertificate", request)
    assert answer == {"status": "Accepted"}
    signed = await station.asked("CertificateSigned", {"status": status})
    assert signed.get("certificateType", "") == KINDS[requested]
    return key, signed


def verified(signed: dict[str, Any], key: Key, name: str, authority: Authority) -> Certified:
    """Return the certificate that came, once it is found to be what was ordered."""
    chain = x509.load_pem_x509_certificates(signed["certificateChain"].encode())
    leaf = chain[0]
    leaf.verify_directly_issued_by(authority.own.certificate)
    assert leaf.public_key() == key.public_key()
    public = leaf.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.key_size >= 224
    assert leaf.serial_number > 0
    assert leaf.subject.rfc4514_string().startswith(f"CN={name},O=")
    assert leaf.public_bytes(serialization.Encoding.PEM).decode() in signed["certificateChain"]
    return Certified(leaf, key, tuple(chain[1:]))


async def order_of(station: ConformanceStation, api: Citrine, *states: int) -> pb.CertificateOrder:
    """Return the order of a station, once it is in one of some states."""
    request = pb.ListCertificateOrdersRequest(station_id=station.station_id)
    async with asyncio.timeout(WAIT):
        while True:
            (order,) = (await api.security.ListCertificateOrders(request)).certificate_orders
            if order.state in states:
                return order
            await asyncio.sleep(0.05)


async def test_TC_A_11_CSMS(
    station: ConformanceStation, api: Citrine, authorities: Authorities, deployment: Deployment, tmp_path: Path
) -> None:
    """A station is asked to renew its certificate, gets one that its authority signed, and connects by it."""
    await booted(station)

    key, signed = await renewed(station, api, "SignChargingStationCertificate")

    own = verified(signed, key, station.station_id, authorities.station)
    order = await order_of(station, api, pb.CERTIFICATE_ORDER_STATE_INSTALLED)
    station.tls = ssl.create_default_context(cadata=authorities.csms.pem)
    station.tls.load_cert_chain(*own.write(tmp_path, "station"))
    station.url, station.password = secure_url(deployment, 3), ""
    await station.connect()
    await booted(station)

    request = pb.ListIssuedCertificatesRequest(station_id=station.station_id)
    (issued,) = (await api.security.ListIssuedCertificates(request)).issued_certificates
    assert issued.fingerprint == order.fingerprint
    assert issued.HasField("use_time")


async def test_TC_A_12_CSMS(station: ConformanceStation, api: Citrine, authorities: Authorities) -> None:
    """A station is asked to renew its V2G certificate, and gets one that the V2G authority signed."""
    await booted(station)

    key, signed = await renewed(station, api, "SignV2GCertificate")

    verified(signed, key, station.station_id, authorities.v2g)
    await order_of(station, api, pb.CERTIFICATE_ORDER_STATE_INSTALLED)


async def test_TC_A_13_CSMS(station: ConformanceStation, api: Citrine, authorities: Authorities) -> None:
    """A station is asked to renew its combined certificate, and gets one for both purposes."""
    await booted(station)

    key, signed = await renewed(station, api, "SignCombinedCertificate")

    verified(signed, key, station.station_id, authorities.v2g)
    await order_of(station, api, pb.CERTIFICATE_ORDER_STATE_INSTALLED)


async def test_TC_A_14_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station rejects its new certificate: that is shown and an event, and the certificate is not resent."""
    await booted(station)

    await renewed(station, api, "SignChargingStationCertificate", status="Rejected")
    event = {"type": "InvalidChargingStationCertificate", "timestamp": now()}
    assert await station.call("SecurityEventNotification", event) == {}

    await order_of(station, api, pb.CERTIFICATE_ORDER_STATE_REJECTED)
    await station.silent()
