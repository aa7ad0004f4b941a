"""The TLS context of a station: trusted authorities and its own certificate."""

import ssl
from functools import lru_cache
from pathlib import Path

from citrine_simulator.errors import UsageError

__all__ = ["tls_context"]


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
