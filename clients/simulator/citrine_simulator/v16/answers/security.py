"""Certificates of the security whitepaper: those of authorities, and the station's own (A02 and M03 to M05)."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.answers.certificates import CertificateAnswers
from citrine_simulator.authorization import CallCsms
from citrine_simulator.connection import Answer
from citrine_simulator.parts import Parts

__all__ = ["SecurityAnswers16"]

KEY = "station_key"
"""Name of the private key in the store, as PEM, from the request for its certificate on."""

CERTIFICATE = "station_certificate"
"""Name of the station's own certificate chain in the store, as PEM."""


class SecurityAnswers16:
    """InstallCertificate, DeleteCertificate, GetInstalledCertificateIds and CertificateSigned."""

    def __init__(self, parts: Parts, certificates: CertificateAnswers, send: CallCsms) -> None:
        self._parts = parts
        self._certificates = certificates
        self._send = send

    async def sign(self) -> None:
        """Request a certificate for a new key (A02)."""
        # Imported only here: the import takes time and memory, and most stations request none.
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, self._parts.model.text("SecurityCtrlr.OrganizationName")),
            x509.NameAttribute(NameOID.COMMON_NAME, self._parts.config.station_id),
        ])  # fmt: skip
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._parts.store.remember(KEY, pem.decode())
        await self._send("SignCertificate", {"csr": request.public_bytes(serialization.Encoding.PEM).decode()})

    @answers("CertificateSigned")
    async def certificate_signed(self, payload: dict[str, Any]) -> Answer:
        """Store the station's certificate, if it is for the key of the last request."""
        chain = payload["certificateChain"]
        if not _fits(self._parts.store.recall(KEY), chain):
            return Answer({"status": "Rejected"})
        self._parts.store.remember(CERTIFICATE, chain)
        return Answer({"status": "Accepted"})

    @answers("InstallCertificate")
    async def install_certificate(self, payload: dict[str, Any]) -> Answer:
        """Store a certificate of an authority."""
        answer = await self._certificates.install_certificate(payload)
        return Answer({"status": answer.payload["status"]})

    @answers("DeleteCertificate")
    async def delete_certificate(self, payload: dict[str, Any]) -> Answer:
        """Remove a certificate."""
        return await self._certificates.delete_certificate(payload)

    @answers("GetInstalledCertificateIds")
    async def get_installed_certificate_ids(self, payload: dict[str, Any]) -> Answer:
        """Report the certificates of a type."""
        answer = await self._certificates.get_installed_certificate_ids({
            "certificateType": [payload["certificateType"]]
        })  # fmt: skip
        chain = answer.payload.get("certificateHashDataChain")
        if chain is None:
            return Answer({"status": "NotFound"})
        return Answer({"status": "Accepted", "certificateHashData": [one["certificateHashData"] for one in chain]})


def _fits(key: str | None, chain: str) -> bool:
    """Return whether the first certificate of a chain is for a key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if key is None:
        return False
    try:
        certificate = x509.load_pem_x509_certificates(chain.encode())[0]
    except ValueError:
        return False
    return bool(certificate.public_key() == load_pem_private_key(key.encode(), None).public_key())
