"""Forms of common values, as people are told them."""

__all__ = ["FORMS"]

FORMS = {
    "DURATION": "90s, 5m, 2h, 1d12h, or a number of seconds.",
    "TIME": "ISO 8601, local time without an offset: 2030-01-31T12:00; or seen from now: +90s, -1d12h, now. "
    "Without a sign, 2h is two hours ago where it is listed what happened, and in two hours elsewhere.",
}
"""Accepted forms of a value, by metavar."""
