"""The conditions that make the run of a fleet fail."""

__all__ = ["DEFAULT_FAIL_ON", "FAIL_ON"]

FAIL_ON = {
    "given_up": "a transaction message was discarded, and not because faults of the fleet alone broke it",
    "undelivered": "a transaction message was still queued at the end",
    "unaccepted": "a station was never accepted",
    "schema": "an answer or a CALL of the CSMS broke its official schema",
    "call_error": "a message was answered with a CALLERROR",
    "timeout": "a message was not answered in time",
    "lost": "a connection was closed before an answer, and not by a fault",
}
"""Descriptions of the conditions, by their names on the command line."""

DEFAULT_FAIL_ON = frozenset({"given_up", "undelivered", "unaccepted", "schema"})
