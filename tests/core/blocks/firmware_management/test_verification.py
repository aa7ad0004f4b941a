"""Signed firmware, verified before a station is asked to install it."""

import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from google.protobuf.json_format import MessageToDict, ParseDict

from citrine.api.v1 import certificate_store_pb2, commands_pb2, firmware_campaigns_pb2
from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.certificate_store_pb2_grpc import CertificateStoreServiceStub
from citrine.api.v1.commands_pb2_grpc import CommandsServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from tests.support import contracts
from tests.support.core import running_core
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeSession
from tests.support.firmware import LOCATION, Garage
from tests.support.pki import Authority, Certified

FILE = b"the firmware, version 2.0" * 1000
SHA256 = hashlib.sha256(FILE).hexdigest()

CERTIFICATE = "request.firmware.signing_certificate"
SIGNATURE = "request.firmware.signature"


def sign(signer: Certified, form: padding.AsymmetricPadding | None = None, content: bytes = FILE) -> str:
    """Return a signature over a file, in base64."""
    if isinstance(signer.key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
        signature = signer.key.sign(content, form or pss, hashes.SHA256())
    else:
        signature = signer.key.sign(content, ec.ECDSA(hashes.SHA256()))
    return base64.b64encode(signature).decode()


def signed(signer: Certified, signature: str = "", location: str = LOCATION) -> ocpp.Firmware:
    return ocpp.Firmware(
        location=location,
        signing_certificate=Certified(signer.certificate, signer.key).pem,
        signature=signature or sign(signer),
    )


async def refusal(garage: Garage, firmware: ocpp.Firmware, **fields: object) -> tuple[grpc.StatusCode, str]:
    """Return how an update is refused, of which nothing is then sent or stored."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await garage.update_with(firmware, **fields)
    assert garage.edge.commands == []
    assert not (await garage.updates.ListFirmwareUpdates(pb.ListFirmwareUpdatesRequest())).updates
    return refused.value.code(), refused.value.details() or ""


async def campaign_refusal(garage: Garage, firmware: ocpp.Firmware) -> str:
    """Return how a campaign with firmware is refused."""
    selection = firmware_campaigns_pb2.FirmwareSelection(station_ids=["CS-1"])
    campaign = firmware_campaigns_pb2.FirmwareCampaign(firmware=firmware, selection=selection)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await garage.campaigns.CreateFirmwareCampaign(
            firmware_campaigns_pb2.CreateFirmwareCampaignRequest(campaign=campaign)
        )
    return refused.value.details() or ""


async def call_refusal(garage: Garage, firmware: ocpp.Firmware) -> str:
    """Return how UpdateFirmware is refused where it is sent by its name."""
    shown = {"retrieveDateTime": "2026-01-01T00:00:00Z", **MessageToDict(firmware)}
    request = commands_pb2.CallStationRequest(target=CommandTarget(station_id="CS-1"), action="UpdateFirmware")
    ParseDict({"requestId": 1, "firmware": shown}, request.payload)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await garage.core.stub(CommandsServiceStub).CallStation(request)
    assert garage.edge.commands == []
    return refused.value.details() or ""


async def trust(garage: Garage, root: str) -> None:
    """Store a root of manufacturers."""
    use = certificate_store_pb2.CERTIFICATE_USE_MANUFACTURER_ROOT
    certificate = certificate_store_pb2.StoredCertificate(pem=root, uses=[use])
    request = certificate_store_pb2.CreateStoredCertificateRequest(certificate=certificate)
    await garage.core.stub(CertificateStoreServiceStub).CreateStoredCertificate(request)


@contextlib.asynccontextmanager
async def file_server(content: bytes = FILE) -> AsyncIterator[str]:
    """Serve a file; yields its URL."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=content)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/one-2.0.bin"
    finally:
        await runner.cleanup()


async def test_a_signature_is_skipped_only_where_the_caller_says_so(garage: Garage, station: FakeSession) -> None:
    """Without the hash of the file or the file itself, it can't be verified, and nothing is offered."""
    firmware = signed(Authority.root().issue("Firmware"), location="ftp://files.example/one-2.0.bin")

    code, text = await refusal(garage, firmware)
    both = await refusal(garage, firmware, sha256=SHA256, skip_signature=True)
    unsigned = await garage.update_with(ocpp.Firmware(location=LOCATION))
    update = await garage.update_with(firmware, skip_signature=True)

    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text == (
        "request.firmware.location: the file can't be read: its URL is not one of HTTP; to verify the signature takes "
        "the file or its sha256, unless skip_signature is set"
    )
    assert both[1].startswith("skip_signature: must not be set with a sha256")

    assert unsigned.verification == pb.FIRMWARE_VERIFICATION_UNSIGNED
    assert update.verification == pb.FIRMWARE_VERIFICATION_CERTIFICATE


@pytest.mark.in_turn
@pytest.mark.parametrize("form", [None, padding.PKCS1v15(), "ec"])
async def test_a_signature_is_verified_by_the_hash_of_the_file(
    garage: Garage, station: FakeSession, form: padding.AsymmetricPadding | str | None
) -> None:
    """L01.FR.04: RSA-PSS over the SHA-256; and what stations in the field sign with."""
    signer = Authority.root().issue("Firmware", kind="ec" if form == "ec" else "rsa")
    signature = sign(signer, None if isinstance(form, str) else form)

    update = await garage.update_with(signed(signer, signature), sha256=SHA256)

    assert update.verification == pb.FIRMWARE_VERIFICATION_HASH


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", ["rsa", "ec"])
async def test_a_signature_over_another_file_is_refused(garage: Garage, station: FakeSession, kind: str) -> None:
    signer = Authority.root().issue("Firmware", kind=kind)  # type: ignore[arg-type]  # one of both
    firmware = signed(signer, sign(signer, content=b"another"))

    code, text = await refusal(garage, firmware, sha256=SHA256)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text.startswith(f"{SIGNATURE}: must be that of the signing certificate")


async def test_a_signature_that_nobody_here_can_verify_is_not_called_verified(
    garage: Garage, station: FakeSession
) -> None:
    """ECSchnorr: two numbers side by side, and no DER."""
    signer = Authority.root().issue("Firmware")
    firmware = signed(signer, base64.b64encode(b"\x01" * 64).decode())

    _, text = await refusal(garage, firmware, sha256=SHA256)

    assert "ECSchnorr can't be" in text
    skipped = await garage.update_with(firmware, skip_signature=True)
    assert skipped.verification == pb.FIRMWARE_VERIFICATION_CERTIFICATE


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("since", "until", "problem"),
    [
        pytest.param(-40, -1, "it expired at", id="expired"),
        pytest.param(1, 30, "it is from", id="not yet valid"),
    ],
)
async def test_a_certificate_must_be_valid_now(
    garage: Garage, station: FakeSession, since: int, until: int, problem: str
) -> None:
    signer = Authority.root().issue("Firmware", since=timedelta(days=since), until=timedelta(days=until))

    code, text = await refusal(garage, signed(signer))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text.startswith(f"{CERTIFICATE}: must be valid, and {problem}")


async def test_a_certificate_must_be_one_certificate_that_signs(garage: Garage, station: FakeSession) -> None:
    root = Authority.root()
    signer = root.issue("Firmware")
    several, none = signed(signer), signed(signer)
    several.signing_certificate += root.pem
    none.signing_certificate = "MII"

    assert f"{CERTIFICATE}: must be exactly one certificate" in (await refusal(garage, several))[1]
    assert f"{CERTIFICATE}: must be exactly one certificate" in (await refusal(garage, none))[1]


async def test_a_certificate_leads_to_a_manufacturer_where_one_is_known(garage: Garage, station: FakeSession) -> None:
    known, other = Authority.root("Maker"), Authority.root("Other maker")
    await trust(garage, known.pem)

    code, text = await refusal(garage, signed(other.issue("Firmware")))
    below = await refusal(garage, signed(known.below().issue("Firmware")))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text == below[1] == f"{CERTIFICATE}: must be issued by a manufacturer's root of the certificate store"
    update = await garage.update_with(signed(known.issue("Firmware")), sha256=SHA256)
    assert update.verification == pb.FIRMWARE_VERIFICATION_HASH


async def test_a_certificate_that_is_revoked_is_refused(database_url: str, tmp_path: Path) -> None:
    """Online verification, as the table of certificate properties asks for."""
    root = contracts.issue("Maker")
    async with (
        contracts.responder() as responder,
        running_core(database_url, tmp_path, firmware_hosts="127.0.0.1") as core,
        core.edge() as edge,
    ):
        garage = Garage(core, edge)
        await garage.add("CS-1")
        garage.answer()
        await garage.connect("CS-1")
        good, bad = (contracts.issue(name, root, ca=False, url=responder.url) for name in ("Good", "Bad"))
        responder.add(good, bad)
        responder.revoke(bad)
        await trust(garage, contracts.pem(root))

        code, text = await refusal(garage, signed(Certified(bad.certificate, bad.key)))
        update = await garage.update_with(signed(Certified(good.certificate, good.key)), sha256=SHA256)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text == f"{CERTIFICATE}: must be valid, and it is revoked"
    assert update.verification == pb.FIRMWARE_VERIFICATION_HASH
    assert len(responder.asked) == 2


async def test_a_hash_is_for_signed_firmware(garage: Garage, station: FakeSession) -> None:
    unsigned = ocpp.Firmware(location=LOCATION)

    assert (await refusal(garage, unsigned, sha256=SHA256))[1].startswith(f"{SIGNATURE}: must be given")
    assert (await refusal(garage, unsigned, sha256="abc"))[1].startswith("sha256: must be a SHA-256")


async def test_the_core_reads_the_file_where_no_hash_is_given(database_url: str, tmp_path: Path) -> None:
    """For UpdateFirmware, campaigns, and what is sent by its name."""
    signer = Authority.root().issue("Firmware")
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(file_server())
        core = await stack.enter_async_context(running_core(database_url, tmp_path, firmware_hosts="127.0.0.1, x"))
        async with core.edge() as edge:
            garage = Garage(core, edge)
            await garage.add("CS-1")
            garage.answer()
            await garage.connect("CS-1")
            forged = signed(signer, sign(signer, content=b"another"), url)

            wrong = await refusal(garage, forged)
            of_campaign = await campaign_refusal(garage, forged)
            of_name = await call_refusal(garage, forged)
            update = await garage.update_with(signed(signer, location=url))

    assert wrong[1].startswith(f"{SIGNATURE}: must be that of the signing certificate")
    assert of_campaign.startswith("campaign.firmware.signature: must be that of the signing certificate")
    assert of_name.startswith("payload.firmware.signature: must be that of the signing certificate")
    assert update.verification == pb.FIRMWARE_VERIFICATION_FILE


async def test_the_core_reads_no_file_at_a_private_address(garage: Garage, station: FakeSession) -> None:
    """A station may be sent there: it may be in that network."""
    signer = Authority.root().issue("Firmware")
    async with file_server() as url:
        code, text = await refusal(garage, signed(signer, location=url))
        update = await garage.update_with(signed(signer, location=url), sha256=SHA256)

    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert text.startswith("request.firmware.location: the file can't be read: its address is private;")
    assert update.verification == pb.FIRMWARE_VERIFICATION_HASH


async def test_campaigns_verify_firmware_once(garage: Garage, station: FakeSession) -> None:
    signer = Authority.root().issue("Firmware")
    campaign = firmware_campaigns_pb2.FirmwareCampaign(
        firmware=signed(signer),
        selection=firmware_campaigns_pb2.FirmwareSelection(station_ids=["CS-1"]),
        sha256=SHA256,
        verification=pb.FIRMWARE_VERIFICATION_FILE,
    )
    wrong = firmware_campaigns_pb2.FirmwareCampaign()
    wrong.CopyFrom(campaign)
    wrong.sha256 = "0" * 64

    with pytest.raises(grpc.aio.AioRpcError, match=r"campaign\.firmware\.signature: must be that of"):
        await garage.campaigns.CreateFirmwareCampaign(
            firmware_campaigns_pb2.CreateFirmwareCampaignRequest(campaign=wrong)
        )
    created = await garage.campaigns.CreateFirmwareCampaign(
        firmware_campaigns_pb2.CreateFirmwareCampaignRequest(campaign=campaign)
    )
    await garage.until(lambda event: name_in(event.firmware_update_changed, "state") == "ACCEPTED")

    assert created.verification == pb.FIRMWARE_VERIFICATION_HASH
    assert (await garage.get()).verification == pb.FIRMWARE_VERIFICATION_HASH


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("action", "payload", "field"),
    [
        (
            "UpdateFirmware",
            {"requestId": 1, "firmware": {"location": "file:///x", "retrieveDateTime": "2026-01-01T00:00:00Z"}},
            "payload.firmware.location",
        ),
        ("PublishFirmware", {"requestId": 1, "location": LOCATION, "checksum": "abc"}, "payload.checksum"),
        ("GetLog", {"requestId": 1, "logType": "DiagnosticsLog", "log": {"remoteLocation": "logs"}},
         "payload.log.remote_location"),
    ],
)  # fmt: skip
async def test_what_is_sent_by_name_is_checked_as_well(
    garage: Garage, station: FakeSession, action: str, payload: dict[str, object], field: str
) -> None:
    request = commands_pb2.CallStationRequest(target=CommandTarget(station_id="CS-1"), action=action)
    ParseDict(payload, request.payload)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await garage.core.stub(CommandsServiceStub).CallStation(request)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.value.details() or "").startswith(f"{field}:")
    assert garage.edge.commands == []
