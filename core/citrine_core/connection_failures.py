"""Why another system can't be asked, in words for operators: without names of classes, URLs and secrets."""

import os
import socket
import ssl

__all__ = ["reason_of"]

_WORDS = {
    "ServerDisconnectedError": "it closed the connection before it answered",
    "ClientPayloadError": "its answer ended too early",
    "ClientResponseError": "its answer is not HTTP",
    "InvalidURL": "its URL is invalid",
    "InvalidUrlClientError": "its URL is invalid",
    "ValueError": "its URL is invalid",
    "ConnectionTimeoutError": "it gave no answer in time",
}
"""By the name of a class of aiohttp, which is imported only where it is used, or of Python."""


def reason_of(error: BaseException) -> str:
    """Return why a request to another system failed, as a part of a sentence."""
    # What a connector of aiohttp raises has the error of the socket.
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, socket.gaierror):
        return "its host has no address"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate can't be verified: {getattr(cause, 'verify_message', 'no reason is known')}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {getattr(cause, 'reason', None) or 'the connection broke'}"
    if isinstance(cause, TimeoutError):
        return "it gave no answer in time"
    if isinstance(cause, OSError) and cause.errno:
        # A loop puts words of its own into strerror.
        return os.strerror(cause.errno)
    found = (_WORDS[one.__name__] for one in type(error).__mro__ if one.__name__ in _WORDS)
    return next(found, "the connection failed")
