"""Certificates for tests: a CA, and what it signs."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["CertificateAuthority"]

DAY = dt.timedelta(days=1)


class CertificateAuthority:
    """A CA that lives as long as a test.

    Args:
        directory: Where its certificates and keys are written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA of tests")])
        self._certificate = self._sign(self._name, self._key, is_ca=True)
        (directory / "ca.pem").write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, name: str, *, server: bool, certificate: bool = True) -> ssl.SSLContext:
        """Return a context that trusts this CA, with a certificate for a name; a server needs none of its peers."""
        trusted = str(self._directory / "ca.pem")
        purpose = ssl.Purpose.CLIENT_AUTH if server else ssl.Purpose.SERVER_AUTH
        context = ssl.create_default_context(purpose, cafile=trusted)
        if server:
            context.verify_mode = ssl.CERT_OPTIONAL
        if certificate:
            context.load_cert_chain(self._write(name))
        return context

    def der(self, name: str) -> bytes:
        """Return the certificate that was made for a name."""
        return ssl.PEM_cert_to_DER_cert((self._directory / f"{name}.crt").read_text())

    def _write(self, name: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        pem = self._sign(subject, key).public_bytes(serialization.Encoding.PEM)
        (self._directory / f"{name}.crt").write_bytes(pem)
        path = self._directory / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + pem)
        return path

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_ca: bool = False) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(addresses, critical=False)
            .sign(self._key, hashes.SHA256())
        )
