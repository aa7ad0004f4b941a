"""Verification of signed firmware before a station is asked to install it (L01)."""

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.certificate_store_pb2 import CertificateUse
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.blocks.firmware_management.checks import check_firmware, check_publication
from citrine_core.errors import FailedPrecondition, InvalidArgument
from citrine_core.resources.certificate_store.queries import find_certificates
from citrine_core.rpc import check_pattern
from citrine_core.services import Services

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["FirmwareVerifier"]

logger = logging.getLogger(__name__)

LARGEST_FILE = 2 * 1024**3
"""Most bytes of firmware that is read to verify its signature."""

READ_TIME = 120.0
"""Seconds in which it must be read."""

READINGS = 2
"""Files that a core reads concurrently; others wait within their time."""

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")


class FirmwareVerifier:
    """Verifies signing certificates and signatures."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._clock = services.clock
        self._hosts = services.settings.hosts_of_firmware
        self._readings = asyncio.Semaphore(READINGS)

    async def verify(
        self, field: str, tenant_id: str, firmware: ocpp.Firmware, *, sha256: str = "", skips_signature: bool = False
    ) -> "pb.FirmwareVerification.ValueType":
        """Return how far firmware was verified.

        Args:
            field: Path of the firmware in the request; `sha256` stands beside it.
            tenant_id: Tenant whose manufacturer roots count.
            firmware: The firmware of the request.
            sha256: SHA-256 of the file, hexadecimal. Empty: the file is read.
            skips_signature: Whether only the certificate is verified.

        Raises:
            InvalidArgument: When something is malformed, expired, revoked, of nobody that the tenant knows, or wrong.
            FailedPrecondition: When the file is to be read and can't be.
        """
        check_firmware(field, firmware)
        holder = field.rpartition("firmware")[0].removesuffix("request.")
        if sha256:
            check_pattern(f"{holder}sha256", sha256, _SHA256, "a SHA-256 of 64 hexadecimal digits")
            if skips_signature:
                raise InvalidArgument(f"{holder}skip_signature", "must not be set with a sha256, which verifies it")
        if not firmware.HasField("signing_certificate"):
            if sha256:
                raise InvalidArgument(f"{field}.signature", "must be given, for there is nothing else to verify")
            return pb.FIRMWARE_VERIFICATION_UNSIGNED
        certificate = await self._certificate(f"{field}.signing_certificate", tenant_id, firmware.signing_certificate)
        if skips_signature:
            return pb.FIRMWARE_VERIFICATION_CERTIFICATE
        from citrine_core.blocks.firmware_management.signatures import check_signature

        digest = bytes.fromhex(sha256) if sha256 else await self._read(f"{field}.location", firmware.location)
        check_signature(f"{field}.signature", certificate, firmware.signature, digest)
        return pb.FIRMWARE_VERIFICATION_HASH if sha256 else pb.FIRMWARE_VERIFICATION_FILE

    async def check_command(self, tenant_id: str, message: Message) -> None:
        """Check what operations are to send."""
        if isinstance(message, ocpp.UpdateFirmwareRequest):
            await self.verify("payload.firmware", tenant_id, message.firmware)
        elif isinstance(message, ocpp.PublishFirmwareRequest):
            check_publication("payload", message)

    async def _certificate(self, field: str, tenant_id: str, text: str) -> "x509.Certificate":
        """Return a signing certificate that is valid, and leads to a manufacturer's root if the tenant has any."""
        # Imported only where certificates are used: the import takes time and memory.
        from citrine_core.blocks.firmware_management.signatures import find_issuer, read_signing_certificate
        from citrine_core.resources.ocsp import CertId, Ocsp, OcspStatus, responder_of

        now = self._clock()
        certificate = read_signing_certificate(field, text, now)
        roots = await self._roots(tenant_id)
        if not roots:
            return certificate
        issuer = find_issuer(certificate, roots, now)
        if issuer is None:
            raise InvalidArgument(field, "must be issued by a manufacturer's root of the certificate store")
        url = responder_of(certificate)
        if url is not None:
            asked, ocsp = CertId.issued(certificate, issuer), Ocsp.of(self._services)
            status = await ocsp.status(asked, url, [issuer], now, self._hosts)
            if status is OcspStatus.REVOKED:
                raise InvalidArgument(field, "must be valid, and it is revoked")
            if status is not OcspStatus.GOOD:
                # Stations ask as well, and decide for themselves (Certificate Properties: online verification).
                logger.warning("it is not known whether a signing certificate is revoked", extra={"url": url})
        return certificate

    async def _roots(self, tenant_id: str) -> "Sequence[x509.Certificate]":
        from citrine_core.resources.certificate_store.parsing import read_certificates

        uses = [CertificateUse.CERTIFICATE_USE_MANUFACTURER_ROOT]
        async with self._services.unit_of_work(read_only=True) as work:
            rows = await find_certificates(work.session, tenant_id, uses, self._clock())
        return [one for row in rows for one in read_certificates(row.pem)]

    async def _read(self, field: str, location: str) -> bytes:
        # Imported only where a file is read: the import takes time and memory.
        from citrine_core.outgoing_http import HttpFailed, sha256_of

        try:
            async with asyncio.timeout(READ_TIME), self._readings:
                return await sha256_of(location, largest=LARGEST_FILE, hosts=self._hosts)
        except TimeoutError:
            problem = f"can't be read within {READ_TIME:.0f} seconds"
        except HttpFailed as error:
            problem = f"can't be read: {error}"
        raise FailedPrecondition(
            f"{field}: the file {problem}; to verify the signature takes the file or its sha256, "
            "unless skip_signature is set"
        )
