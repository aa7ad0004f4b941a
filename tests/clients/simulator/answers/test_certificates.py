"""Certificates that a simulated station stores."""

from citrine_simulator import Store
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.support.contracts import Issued, issue, pem
from tests.support.trust_stores import hash_data_of


async def install(csms: Csms, root: Issued | str, use: str = "CSMSRootCertificate") -> str:
    certificate = root if isinstance(root, str) else pem(root)
    answer = await csms.call("CS-1", "InstallCertificate", {"certificateType": use, "certificate": certificate})
    return str(answer["status"])


async def test_M03_certificates_are_reported_by_type_and_survive_a_loss_of_power(
    csms: Csms, make_station: MakeStation
) -> None:
    store, root, v2g = Store(), issue("CSMS root"), issue("V2G root")
    station = await make_station(store=store)
    statuses = [await install(csms, root), await install(csms, root), await install(csms, v2g, "V2GRootCertificate")]
    await station.stop()
    await make_station(store=store)

    one = await csms.call("CS-1", "GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]})
    every = await csms.call("CS-1", "GetInstalledCertificateIds", {})
    none = await csms.call("CS-1", "GetInstalledCertificateIds", {"certificateType": ["MORootCertificate"]})

    assert statuses == ["Accepted"] * 3
    chain = {"certificateType": "CSMSRootCertificate", "certificateHashData": hash_data_of(root.certificate)}
    assert one == {"status": "Accepted", "certificateHashDataChain": [chain]}
    assert len(every["certificateHashDataChain"]) == 2
    assert none == {"status": "NotFound"}


async def test_M04_a_certificate_is_deleted_once(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    root = issue("CSMS root")
    await install(csms, root)

    request = {"certificateHashData": hash_data_of(root.certificate)}
    statuses = [(await csms.call("CS-1", "DeleteCertificate", request))["status"] for _ in range(2)]

    assert statuses == ["Accepted", "NotFound"]


async def test_M05_FR_06_there_is_an_end_to_what_is_stored(csms: Csms, make_station: MakeStation) -> None:
    """And what is no certificate is not stored at all (M05.FR.07)."""
    await make_station()

    statuses = [await install(csms, issue(f"root {number}")) for number in range(11)]

    assert statuses == [*["Accepted"] * 10, "Rejected"]
    assert await install(csms, "nonsense") == "Rejected"
