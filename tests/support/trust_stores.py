"""A station with a trust store: what it has installed, and what it answers about it. Its hash data is not ours."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["ALGORITHMS", "TrustStore", "hash_data_of"]

ALGORITHMS = ("SHA256", "SHA384", "SHA512")

Payload = dict[str, Any]


def hash_data_of(
    certificate: x509.Certificate, algorithm: str = "SHA256", issuer: x509.Certificate | None = None
) -> Payload:
    """Return CertificateHashDataType of a certificate, computed as RFC 6960 says (4.1.1), without an OCSP library."""
    key = (issuer or certificate).public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    elif isinstance(key, rsa.RSAPublicKey):
        bits = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    else:
        bits = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": hashlib.new(algorithm, certificate.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": hashlib.new(algorithm, bits).hexdigest(),
        "serialNumber": f"{certificate.serial_number:x}",
    }


@dataclass
class TrustStore:
    """Answers InstallCertificate, DeleteCertificate and GetInstalledCertificateIds, as payloads of OCPP."""

    algorithm: str = "SHA256"
    """By which it identifies certificates; it knows no other."""
    upper_case: bool = False
    """Whether its hexadecimal digits are upper case."""
    installed: list[tuple[str, x509.Certificate]] = field(default_factory=list)
    """Type and certificate."""
    refusal: str = ""
    """What it answers instead of Accepted."""
    asked: list[tuple[str, Payload]] = field(default_factory=list)
    """Actions and payloads that it got."""

    def answer(self, action: str, payload: Payload) -> Payload:
        """Return the answer to a CALL of the CSMS."""
        self.asked.append((action, payload))
        answers = {
            "InstallCertificate": self._install,
            "DeleteCertificate": self._delete,
            "GetInstalledCertificateIds": self._report,
        }
        return answers[action](payload)

    def hash_data(self, certificate: x509.Certificate) -> Payload:
        """Return how it identifies a certificate."""
        found = hash_data_of(certificate, self.algorithm)
        if self.upper_case:
            found |= {name: value.upper() for name, value in found.items()}
        return found

    def _install(self, payload: Payload) -> Payload:
        if self.refusal:
            return {"status": self.refusal}
        certificate = x509.load_pem_x509_certificate(payload["certificate"].encode())
        self.installed.append((payload["certificateType"], certificate))
        return {"status": "Accepted"}

    def _delete(self, payload: Payload) -> Payload:
        if self.refusal:
            return {"status": self.refusal}
        left = [one for one in self.installed if self.hash_data(one[1]) != payload["certificateHashData"]]
        found = len(left) < len(self.installed)
        self.installed = left
        return {"status": "Accepted" if found else "NotFound"}

    def _report(self, payload: Payload) -> Payload:
        types = payload.get("certificateType") or [one for one, _ in self.installed]
        chains = [
            {"certificateType": use, "certificateHashData": self.hash_data(certificate)}
            for use, certificate in self.installed
            if use in types
        ]
        return {"status": "Accepted", "certificateHashDataChain": chains} if chains else {"status": "NotFound"}
