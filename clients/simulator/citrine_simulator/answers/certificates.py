"""Blocks A and M: certificates that the CSMS signs or installs. They survive a power loss."""

from functools import partial
from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.clock import format_time
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts

__all__ = ["CertificateAnswers"]

MEMORY = "certificates"
"""Key of the certificates in the store."""

MOST_CERTIFICATES = 10
"""Most certificates that are stored."""

Certificate = dict[str, Any]
"""CertificateHashDataChainType: type and hash data."""


class CertificateAnswers:
    """CertificateSigned, InstallCertificate, DeleteCertificate and GetInstalledCertificateIds."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @answers("CertificateSigned")
    async def certificate_signed(self, payload: dict[str, Any]) -> Answer:
        """Use the station's new certificate from the next connection on (A02); see `CertificateOrder`."""
        if payload.get("certificateType", "ChargingStationCertificate") != "ChargingStationCertificate":
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedRequest"}})
        problem = self._parts.certificate_order.receive(payload["certificateChain"])
        if problem is None:
            # A02.FR.08
            return Answer({"status": "Accepted"}, self._reconnect)
        info = {"reasonCode": "InvalidCertificate", "additionalInfo": problem}
        # A02.FR.07
        return Answer({"status": "Rejected", "statusInfo": info}, partial(self._report, problem))

    @answers("InstallCertificate")
    async def install_certificate(self, payload: dict[str, Any]) -> Answer:
        """Store a certificate (M05); one that is stored is replaced (M05.FR.17)."""
        try:
            data = _hash_data(payload["certificate"])
        except ValueError:
            # M05.FR.07
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "InvalidCertificate"}})
        new = {"certificateType": payload["certificateType"], "certificateHashData": data}
        remaining = [one for one in self._certificates() if one != new]
        if len(remaining) >= MOST_CERTIFICATES:
            # M05.FR.06
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "OutOfStorage"}})
        self._parts.store.remember(MEMORY, [*remaining, new])
        return Answer({"status": "Accepted"})

    @answers("DeleteCertificate")
    async def delete_certificate(self, payload: dict[str, Any]) -> Answer:
        """Remove a certificate (M04)."""
        data = {name: value for name, value in payload["certificateHashData"].items() if name != "customData"}
        certificates = self._certificates()
        remaining = [one for one in certificates if one["certificateHashData"] != data]
        self._parts.store.remember(MEMORY, remaining)
        return Answer({"status": "Accepted" if len(remaining) < len(certificates) else "NotFound"})

    @answers("GetInstalledCertificateIds")
    async def get_installed_certificate_ids(self, payload: dict[str, Any]) -> Answer:
        """Report the certificates of some types, or of all (M03)."""
        types = payload.get("certificateType")
        found = [one for one in self._certificates() if types is None or one["certificateType"] in types]
        if not found:
            # M03.FR.02
            return Answer({"status": "NotFound"})
        return Answer({"status": "Accepted", "certificateHashDataChain": found})

    async def _reconnect(self) -> None:
        self._parts.link.hurry()
        await self._parts.link.close()

    async def _report(self, problem: str) -> None:
        now = format_time(self._parts.now())
        event = {"type": "InvalidChargingStationCertificate", "timestamp": now, "techInfo": problem}
        await self._parts.call("SecurityEventNotification", event)

    def _certificates(self) -> list[Certificate]:
        remembered: list[Certificate] = self._parts.store.recall(MEMORY) or []
        return remembered


def _hash_data(pem: str) -> dict[str, str]:
    """Return the hash data of a certificate that is its own issuer.

    Raises:
        ValueError: When it is no certificate.
    """
    # Imported only where a certificate is installed: the import takes time and memory, and most stations get none.
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import ocsp

    certificate = x509.load_pem_x509_certificate(pem.encode())
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, SHA256()).build()
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": f"{certificate.serial_number:x}",
    }
