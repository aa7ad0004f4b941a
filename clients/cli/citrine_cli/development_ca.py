"""A certificate authority in a directory, for development and small installations, and the certificates it issues."""

import ipaddress
import os
import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from citrine_cli.errors import CliError, UsageError
from citrine_words.clock import utc_now

__all__ = ["DevelopmentCa", "Written", "hosts_of"]

EDGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""The names of edges, as cores accept them."""

STATION_ID = re.compile(r"[A-Za-z0-9*+=:_|@.-]{1,48}")
"""The ids of stations that may be the common name of a certificate."""

BACKDATED = timedelta(minutes=5)
"""How long before now a certificate becomes valid, for clocks that are behind."""

Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

Written: TypeAlias = tuple[Path, Path]
"""Files of a certificate and of its private key."""


class DevelopmentCa:
    """A certificate authority whose certificate and unencrypted private key are files in a directory.

    Args:
        directory: Directory of all files; only its owner may enter.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate_file = directory / "ca.crt"
        self.key_file = directory / "ca.key"

    def create(self, name: str, valid: timedelta) -> Written:
        """Create the authority.

        Raises:
            CliError: When there is one already, or its files can't be written.
        """
        if self.certificate_file.exists() or self.key_file.exists():
            raise CliError(f"there is a certificate authority in {self._directory} already")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = _usage(signs=True)
        builder = (
            _builder(subject, subject, key, valid)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._directory.chmod(0o700)
        except OSError as error:
            raise CliError(f"{self._directory} can't be used: {error.strerror}") from error
        return self._write("ca", key, builder.sign(key, hashes.SHA256()))

    def issue_edge(self, name: str, valid: timedelta) -> Written:
        """Issue the certificate by which an edge identifies itself to cores: its URI is "edge:NAME"."""
        if not EDGE_NAME.fullmatch(name):
            raise UsageError(f"{name!r} can't name an edge: expected letters, digits, dots, hyphens and underscores")
        # The blanks make the common name different from the id of every station.
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Citrine edge {name}")])
        names = [x509.UniformResourceIdentifier(f"edge:{name}")]
        return self._issue(f"edge-{name}", subject, names, valid, client=True)

    def issue_station(self, station_id: str, organization_name: str, valid: timedelta) -> Written:
        """Issue the certificate by which a station identifies itself: its common name is the station's id (A00)."""
        if not STATION_ID.fullmatch(station_id):
            raise UsageError(f"{station_id!r} can't be the id of a station")
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, station_id)]
        if organization_name:
            attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization_name))
        return self._issue(f"station-{station_id}", x509.Name(attributes), [], valid, client=True)

    def issue_server(self, kind: str, hosts: Sequence[str], valid: timedelta, *, with_rsa: bool) -> Written:
        """Issue the certificate of a server: of its names and addresses, the first of which is the common name.

        Args:
            kind: "core" or "server", the name of the files.
            hosts: DNS names and IP addresses by which clients reach the server.
            valid: How long it is valid.
            with_rsa: Whether its key is an RSA one; its files have another name.
        """
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
        name = f"{kind}-rsa" if with_rsa else kind
        return self._issue(name, subject, [_host(host) for host in hosts], valid, client=False, with_rsa=with_rsa)

    def _issue(
        self,
        name: str,
        subject: x509.Name,
        names: Sequence[x509.GeneralName],
        valid: timedelta,
        *,
        client: bool,
        with_rsa: bool = False,
    ) -> Written:
        issuer, issuer_key = self._load()
        left = issuer.not_valid_after_utc - utc_now()
        if left <= timedelta(0):
            raise CliError(f"the certificate authority in {self._directory} has expired")
        key: Key = rsa.generate_private_key(65537, 2048) if with_rsa else ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            _builder(subject, issuer.subject, key, min(valid, left))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            # Two of the cipher suites of OCPP encrypt a secret with the RSA key of the server.
            .add_extension(_usage(encrypts=with_rsa), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return self._write(name, key, builder.sign(issuer_key, hashes.SHA256()))

    def _load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        except FileNotFoundError:
            raise CliError(f"there is no certificate authority in {self._directory}: citrine ca init") from None
        except (OSError, ValueError, TypeError) as error:
            raise CliError(f"the certificate authority in {self._directory} can't be used: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CliError(f"{self.key_file} is not the key of a certificate authority of citrine ca")
        return certificate, key

    def _write(self, name: str, key: Key, certificate: x509.Certificate) -> Written:
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        files = self._directory / f"{name}.crt", self._directory / f"{name}.key"
        try:
            # The key comes first: a process that reloads the files at this moment finds that they do not match, and
            # retries, either way.
            _replace(files[1], private, 0o600)
            _replace(files[0], certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        except OSError as error:
            raise CliError(f"{error.filename} can't be written: {error.strerror}") from error
        return files


def hosts_of(certificate_file: Path) -> tuple[frozenset[str], datetime]:
    """Return the hosts that a certificate is for, and when it expires; no hosts and a past time if it can't be read."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return frozenset(), datetime.min.replace(tzinfo=UTC)
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return frozenset((*names.get_values_for_type(x509.DNSName), *addresses)), certificate.not_valid_after_utc


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, valid: timedelta) -> x509.CertificateBuilder:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool = False, encrypts: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=encrypts,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise UsageError(f"{host!r} is no host name and no IP address") from None


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Write a file atomically; nobody else can read it before it has its mode."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
