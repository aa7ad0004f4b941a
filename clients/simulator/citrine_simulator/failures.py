"""Why a CSMS can't be reached, in words."""

import os
import socket
import ssl

__all__ = ["reason_of"]


def reason_of(error: OSError | TimeoutError) -> str:
    """Return why a connection failed, as a part of a sentence."""
    if isinstance(error, socket.gaierror):
        return "its host has no address"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate can't be verified: {getattr(error, 'verify_message', 'no reason is known')}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {getattr(error, 'reason', None) or error}"
    if isinstance(error, TimeoutError):
        return "it gave no answer in time"
    # A loop puts words of its own into strerror.
    return os.strerror(error.errno) if error.errno else str(error) or "the connection failed"
