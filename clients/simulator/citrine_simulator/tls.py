"""The TLS context of a station: trusted authorities and its own certificate."""

import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from citrine_simulator.errors import UsageError

__all__ = ["TlsFiles", "tls_context"]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files of the TLS of several stations. ``{id}`` in a path stands for the id of a station."""

    ca_file: Path | None = None
    """Authorities that may issue the CSMS's certificate; None: the system's."""
    certificate_file: str | None = None
    """Certificates of the stations (security profile 3); None: they have none."""
    key_file: str | None = None
    """Their private keys; None: in the same files."""

    def of(self, station_id: str) -> dict[str, Path | None]:
        """Return the paths for a station, as its StationConfig names them."""
        own = (self.certificate_file, self.key_file)
        certificate, key = (None if one is None else Path(one.replace("{id}", station_id)) for one in own)
        return {"ca_file": self.ca_file, "certificate_file": certificate, "key_file": key}

    def context(self, url: str, station_id: str) -> ssl.SSLContext | None:
        """Return the context of a station for a URL. None: the URL needs none.

        Raises:
            UsageError: When a file can't be read or has another content.
        """
        return tls_context(*self.of(station_id).values()) if url.startswith("wss:") else None


@lru_cache(maxsize=4096)
def tls_context(ca_file: Path | None, certificate_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts these authorities and presents this certificate (A00, profiles 2 and 3).

    Raises:
        UsageError: When a file can't be read or has another content.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if certificate_file is not None:
            context.load_cert_chain(certificate_file, key_file)
    except (OSError, ssl.SSLError) as problem:
        names = ", ".join(str(one) for one in (ca_file, certificate_file, key_file) if one is not None)
        raise UsageError(f"cannot use {names}: {problem}") from problem
    return context
