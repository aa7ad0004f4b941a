"""A station orders its certificate as the CSMS asks it to."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from citrine_simulator import Event
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock
from tests.support.pki import Authority

AUTHORITY = Authority.root()

TRIGGER = {"requestedMessage": "SignChargingStationCertificate"}


def signed(csr: str) -> str:
    (certificate,) = AUTHORITY.sign(x509.load_pem_x509_csr(csr.encode()))
    return certificate.public_bytes(Encoding.PEM).decode()


async def ordered(csms: Csms, count: int = 1, status: str = "Accepted") -> list[dict[str, Any]]:
    """Have the station asked for an order, and return all that came."""
    csms.scripts["SignCertificate"] = lambda _: {"status": status}
    assert await csms.call("CS-1", "TriggerMessage", TRIGGER) == {"status": "Accepted"}
    return await csms.until_count("SignCertificate", count)


async def test_A02_FR_08_a_station_reconnects_with_the_certificate_that_it_ordered(
    csms: Csms, make_station: MakeStation, events: list[Event]
) -> None:
    await make_station(
        variables={"SecurityCtrlr.OrganizationName": "Operator", "OCPPCommCtrlr.RetryBackOffWaitMinimum": "0"}
    )
    (order,) = await ordered(csms)

    answer = await csms.call("CS-1", "CertificateSigned", {"certificateChain": signed(order["csr"])})

    subject = x509.load_pem_x509_csr(order["csr"].encode()).subject
    assert order["certificateType"] == "ChargingStationCertificate"
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["CS-1"]
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["Operator"]
    assert answer == {"status": "Accepted"}
    await csms.until(lambda: len(csms.headers) == 2)
    assert {one.name for one in events} >= {"certificate_ordered", "certificate_installed"}


async def test_A02_FR_07_a_certificate_that_was_not_ordered_is_rejected_and_reported(
    csms: Csms, make_station: MakeStation
) -> None:
    await make_station()
    await ordered(csms)

    answer = await csms.call("CS-1", "CertificateSigned", {"certificateChain": AUTHORITY.issue("CS-1").pem})

    assert answer["status"] == "Rejected"
    (event,) = await csms.until_count("SecurityEventNotification", 1)
    assert event["type"] == "InvalidChargingStationCertificate"
    v2g = {"certificateChain": "any", "certificateType": "V2GCertificate"}
    assert (await csms.call("CS-1", "CertificateSigned", v2g))["status"] == "Rejected"


async def test_A02_FR_17_an_order_is_repeated_ever_later_until_there_were_enough(
    csms: Csms, make_station: MakeStation, clock: ManualClock
) -> None:
    await make_station(
        variables={"SecurityCtrlr.CertSigningWaitMinimum": "10", "SecurityCtrlr.CertSigningRepeatTimes": "2"}
    )
    (first,) = await ordered(csms)

    for count, wait in ((2, 10), (3, 20)):
        await clock.pass_by(wait)
        await csms.until_count("SignCertificate", count)
    await clock.pass_by(40)

    assert csms.of("SignCertificate") == [first] * 3
    again = await ordered(csms, 4)
    assert again[-1]["csr"] != first["csr"]


async def test_an_order_that_is_rejected_is_not_repeated(
    csms: Csms, make_station: MakeStation, clock: ManualClock
) -> None:
    station = await make_station()
    rejected = station.expect("certificate_order_rejected")

    await ordered(csms, status="Rejected")
    await rejected
    clock.advance(100)

    assert len(csms.of("SignCertificate")) == 1
