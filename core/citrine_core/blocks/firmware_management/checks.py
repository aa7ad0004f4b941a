"""Checks of firmware, and of requests for it, before a station is asked to install or publish it."""

import base64
import binascii
import re

from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.errors import InvalidArgument
from citrine_core.file_urls import check_file_url
from citrine_core.rpc import check_length, check_pattern

__all__ = ["LONGEST_VERSION", "check_checksum", "check_firmware", "check_publication", "check_retries"]

LONGEST_VERSION = 50
"""Most characters of a firmware version (firmwareVersion of BootNotification)."""

LONGEST_CERTIFICATE = 5500

LONGEST_SIGNATURE = 800

_CHECKSUM = re.compile(r"[0-9A-Fa-f]{32}")


def check_firmware(field: str, firmware: ocpp.Firmware) -> None:
    """Refuse firmware whose location or signature is malformed, or whose certificate is too long.

    What the certificate says, and whether the signature is its own, is verified by `FirmwareVerifier`.

    Args:
        field: Path of the firmware in the request.
        firmware: The firmware of the request.

    Raises:
        InvalidArgument: With the path of the malformed field.
    """
    check_file_url(f"{field}.location", firmware.location)
    has_certificate, has_signature = firmware.HasField("signing_certificate"), firmware.HasField("signature")
    if has_certificate and not has_signature:
        raise InvalidArgument(f"{field}.signature", "must be given with a signing certificate")
    if has_signature and not has_certificate:
        # L01.FR.11: a station can't verify a signature without the certificate.
        raise InvalidArgument(f"{field}.signing_certificate", "must be given with a signature")
    if has_certificate:
        check_length(f"{field}.signing_certificate", firmware.signing_certificate, LONGEST_CERTIFICATE, 1)
        _check_signature(f"{field}.signature", firmware.signature)


def check_publication(field: str, request: ocpp.PublishFirmwareRequest) -> None:
    """Refuse a publication whose location or checksum is malformed.

    Raises:
        InvalidArgument: With the path of the malformed field.
    """
    check_file_url(f"{field}.location", request.location)
    check_checksum(f"{field}.checksum", request.checksum)


def check_retries(field: str, request: ocpp.UpdateFirmwareRequest | ocpp.PublishFirmwareRequest) -> None:
    """Refuse a negative number of retries, or negative seconds between them.

    Raises:
        InvalidArgument: With the path of the negative field.
    """
    if request.retries < 0:
        raise InvalidArgument(f"{field}.retries", "must not be negative")
    if request.retry_interval < 0:
        raise InvalidArgument(f"{field}.retry_interval", "must not be negative")


def check_checksum(field: str, checksum: str) -> None:
    """Refuse a checksum that is not an MD5 (L03.FR.02).

    Raises:
        InvalidArgument: With the path of the checksum.
    """
    check_pattern(field, checksum, _CHECKSUM, "an MD5 of 32 hexadecimal digits")


def _check_signature(field: str, signature: str) -> None:
    check_length(field, signature, LONGEST_SIGNATURE, 1)
    try:
        base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(field, "must be base64") from error
