"""The client certificate of a station (security profile 3): its key, its request, and what the CSMS sent for it.

`cryptography` is imported where a certificate is ordered: the import takes time and memory, and most stations order
none.
"""

import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from citrine_simulator.store import StationStore
from citrine_simulator.tls import tls_context

__all__ = ["InvalidChain", "OwnCertificate"]

MEMORY = "own_certificate"
"""Key of the certificates and of the request in the store."""

HARMLESS = 2.0 * 3600
"""Seconds by which the station's clock may be behind that of the authority."""


class InvalidChain(ValueError):
    """The CSMS sent a certificate that the station can't use. The text says why."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A certificate with those above it, and its key, in PEM."""

    chain: str
    key: str


class OwnCertificate:
    """The certificate that the station ordered, the one before until the new one has worked, and the open request.

    They survive a power loss. Without any of them the station uses the configured files.

    Args:
        station_id: Common name of the certificate.
        store: Where they are stored.
    """

    def __init__(self, station_id: str, store: StationStore) -> None:
        self._station_id = station_id
        self._store = store
        remembered: Mapping[str, Any] = store.recall(MEMORY) or {}
        self._current = _pair(remembered.get("current"))
        self._other = _pair(remembered.get("other"))
        self._request: Mapping[str, str] | None = remembered.get("request")

    @property
    def is_there(self) -> bool:
        """Whether the station was given a certificate."""
        return self._current is not None

    def request(self, organization: str) -> str:
        """Return the open request for a certificate in PEM; without one, make a key and a request (A02, A03).

        Args:
            organization: Who operates the station, for the subject (A00.FR.509). Empty: nobody.
        """
        if self._request is None:
            key, csr = _new_request(self._station_id, organization)
            self._request = {"key": key, "csr": csr}
            self._save()
        return self._request["csr"]

    def discard_request(self) -> None:
        """Forget the open request, so that the next one has another key."""
        self._request = None
        self._save()

    def install(self, chain: str, now: datetime) -> None:
        """Use the certificate that the CSMS sent for the open request, from the next connection on (A02.FR.06).

        Raises:
            InvalidChain: When it is not for the open request, not in this station's name, or not valid now.
        """
        if self._request is None:
            raise InvalidChain("no certificate is ordered")
        _check(chain, self._request["key"], self._station_id, now)
        self._other, self._current = self._current, _Pair(chain, self._request["key"])
        self.discard_request()

    def context(self, ca_file: Path | None, files: tuple[Path | None, Path | None]) -> ssl.SSLContext:
        """Return the TLS context of the next connection.

        Args:
            ca_file: Authorities that may issue the CSMS's certificate; None: the system's.
            files: Configured certificate and key, for a station that was given none.
        """
        if self._current is None:
            return tls_context(ca_file, *files)
        # OpenSSL reads certificates from files alone.
        with tempfile.TemporaryDirectory(prefix="citrine-station-") as directory:
            certificate, key = Path(directory) / "certificate.pem", Path(directory) / "key.pem"
            certificate.write_text(self._current.chain, encoding="ascii")
            key.write_text(self._current.key, encoding="ascii")
            context = ssl.create_default_context(cafile=ca_file)
            context.load_cert_chain(certificate, key)
        return context

    def worked(self) -> None:
        """Discard the certificate before, after the CSMS accepted the current one."""
        if self._other is not None:
            self._other = None
            self._save()

    def refused(self) -> None:
        """Use the certificate before next, if there is one."""
        if self._other is not None:
            self._current, self._other = self._other, self._current
            self._save()

    def _save(self) -> None:
        pairs = {"current": self._current, "other": self._other}
        stored: dict[str, Any] = {name: None if pair is None else asdict(pair) for name, pair in pairs.items()}
        self._store.remember(MEMORY, {**stored, "request": self._request})


def _pair(remembered: Mapping[str, str] | None) -> _Pair | None:
    return None if remembered is None else _Pair(**remembered)


def _new_request(station_id: str, organization: str) -> tuple[str, str]:
    """Return a new private key and a request for its certificate, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, station_id)]
    if organization:
        names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), csr.public_bytes(serialization.Encoding.PEM).decode()


def _check(chain: str, key: str, station_id: str, now: datetime) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_pem_x509_certificates(chain.encode())[0]
        names = [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError as error:
        raise InvalidChain("it is no certificate in PEM") from error
    if certificate.public_key() != load_pem_private_key(key.encode(), None).public_key():
        raise InvalidChain("it is of another key than the one ordered")
    if names != [station_id]:
        raise InvalidChain("it is in another name than that of the station")
    behind = certificate.not_valid_before_utc.timestamp() - now.timestamp()
    if behind > HARMLESS or certificate.not_valid_after_utc <= now:
        raise InvalidChain("it is not valid now")
