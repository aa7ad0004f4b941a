"""Options that describe firmware, for updates and campaigns."""

from pathlib import Path
from typing import Annotated

import typer

from citrine.api.v1.firmware_campaigns_pb2 import FirmwareCampaign
from citrine.api.v1.firmware_management_pb2 import FirmwareUpdate, FirmwareVerification
from citrine.ocpp.v2.firmware_management_pb2 import Firmware
from citrine_cli.errors import CliError
from citrine_cli.forms import DurationOption
from citrine_words.values import parse_span

__all__ = [
    "Certificate",
    "Install",
    "Location",
    "Retries",
    "Retrieve",
    "RetryInterval",
    "Sha256",
    "Signature",
    "SkipSignature",
    "firmware_of",
    "reading_time",
    "verified",
]

Location = Annotated[str, typer.Argument(metavar="URL", help="Where it is to be downloaded from.")]
Certificate = Annotated[
    Path | None, typer.Option("--certificate", metavar="FILE", help="Signing certificate, X.509 in PEM.")
]
Signature = Annotated[str, typer.Option("--signature", metavar="BASE64", help="Signature of the firmware.")]
Sha256 = Annotated[
    str,
    typer.Option("--sha256", metavar="HEX", help="SHA-256 of the file; without it the core reads the file."),
]
SkipSignature = Annotated[
    bool,
    typer.Option("--skip-signature", help="Do not verify the signature, but the certificate alone."),
]
Retrieve = Annotated[str, typer.Option("--retrieve", metavar="TIME", help="Download from then on.", show_default="now")]
Install = Annotated[str, typer.Option("--install", metavar="TIME", help="Install from then on.")]
Retries = Annotated[int | None, typer.Option("--retries", metavar="N", help="How often the download is tried again.")]
RetryInterval = Annotated[
    int | None, DurationOption("--retry-interval", whole=True, help="How long between these attempts.")
]


_VERIFIED = {
    FirmwareVerification.FIRMWARE_VERIFICATION_UNSIGNED: "nothing: it is not signed",
    FirmwareVerification.FIRMWARE_VERIFICATION_CERTIFICATE: "the certificate; the signature was skipped",
    FirmwareVerification.FIRMWARE_VERIFICATION_HASH: "certificate, and signature by the SHA-256",
    FirmwareVerification.FIRMWARE_VERIFICATION_FILE: "certificate, and signature over the file",
}


def firmware_of(location: str, certificate: Path | None, signature: str, retrieve: str, install: str) -> Firmware:
    """Return the firmware of the options.

    Raises:
        CliError: When the certificate can't be read.
        UsageError: When a time is malformed.
    """
    firmware = Firmware(location=location)
    if certificate is not None:
        firmware.signing_certificate = _read(certificate)
    if signature:
        firmware.signature = signature
    first, last = parse_span("--retrieve", retrieve, "--install", install)
    if first is not None:
        firmware.retrieve_date_time.CopyFrom(first)
    if last is not None:
        firmware.install_date_time.CopyFrom(last)
    return firmware


def reading_time(signature: str, sha256: str) -> float:
    """Return the seconds that the core may take to read the file, before it asks a station."""
    return 130.0 if signature and not sha256 else 0.0


def verified(shown: FirmwareUpdate | FirmwareCampaign) -> str:
    """Return how far firmware was verified before stations were asked, in words."""
    return _VERIFIED.get(shown.verification, "")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
