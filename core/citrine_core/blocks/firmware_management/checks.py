"""Checks of firmware, and of requests for it, before a station is asked to install or publish it."""

import base64
import binascii
import re
import ssl

from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import check_length, check_pattern

__all__ = ["LONGEST_VERSION", "check_checksum", "check_firmware", "check_publication", "check_retries"]

LONGEST_VERSION = 50
"""Most characters of a firmware version (firmwareVersion of BootNotification)."""

LONGEST_LOCATION = 2000

LONGEST_CERTIFICATE = 5500

LONGEST_SIGNATURE = 800

_LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s\x00-\x1f]+")

_CHECKSUM = re.compile(r"[0-9A-Fa-f]{32}")

_ARMOUR = "-----BEGIN CERTIFICATE-----"


def check_firmware(field: str, firmware: ocpp.Firmware) -> None:
    """Refuse firmware whose location, certificate or signature is malformed.

    The station verifies that the certificate is trusted and the signature valid (L01.FR.12).

    Args:
        field: Path of the firmware in the request.
        firmware: The firmware of the request.

    Raises:
        InvalidArgument: With the path of the malformed field.
    """
    _check_location(f"{field}.location", firmware.location)
    has_certificate, has_signature = firmware.HasField("signing_certificate"), firmware.HasField("signature")
    if has_certificate and not has_signature:
        raise InvalidArgument(f"{field}.signature", "must be given with a signing certificate")
    if has_signature and not has_certificate:
        # L01.FR.11: a station can't verify a signature without the certificate.
        raise InvalidArgument(f"{field}.signing_certificate", "must be given with a signature")
    if has_certificate:
        _check_certificate(f"{field}.signing_certificate", firmware.signing_certificate)
        _check_signature(f"{field}.signature", firmware.signature)


def check_publication(field: str, request: ocpp.PublishFirmwareRequest) -> None:
    """Refuse a publication whose location or checksum is malformed.

    Raises:
        InvalidArgument: With the path of the malformed field.
    """
    _check_location(f"{field}.location", request.location)
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


def _check_location(field: str, location: str) -> None:
    check_length(field, location, LONGEST_LOCATION, 1)
    check_pattern(field, location, _LOCATION, 'a URI such as "https://host/path"')


def _check_certificate(field: str, pem: str) -> None:
    check_length(field, pem, LONGEST_CERTIFICATE, 1)
    if _ARMOUR not in pem:
        raise InvalidArgument(field, f"must be an X.509 certificate in PEM, which begins with {_ARMOUR}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise InvalidArgument(field, "must be an X.509 certificate in PEM; this one can't be read") from error


def _check_signature(field: str, signature: str) -> None:
    check_length(field, signature, LONGEST_SIGNATURE, 1)
    try:
        base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(field, "must be base64") from error
