"""Versions, roles and status codes of OCPI, which are apart from those of HTTP."""

from enum import IntEnum, StrEnum

__all__ = ["InterfaceRole", "Status", "Version"]


class Version(StrEnum):
    """Versions that the adapter speaks, the older ones first. 2.2.1 is 2.2.1-d2."""

    V2_2_1 = "2.2.1"
    V2_3_0 = "2.3.0"

    @classmethod
    def newest_of(cls, names: "set[str]") -> "Version | None":
        """Return the newest version among names. None: the adapter speaks none of them."""
        return next((version for version in reversed(cls) if version in names), None)


class InterfaceRole(StrEnum):
    """Which side of a module an endpoint is: the owner's of the objects, or that of who receives them."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"

    @property
    def other(self) -> "InterfaceRole":
        """The side that talks with this one."""
        return InterfaceRole.RECEIVER if self is InterfaceRole.SENDER else InterfaceRole.SENDER


class Status(IntEnum):
    """Status codes of answers."""

    SUCCESS = 1000
    CLIENT_ERROR = 2000
    INVALID_PARAMETERS = 2001
    NOT_ENOUGH_INFORMATION = 2002
    UNKNOWN_LOCATION = 2003
    UNKNOWN_TOKEN = 2004
    SERVER_ERROR = 3000
    UNUSABLE_API = 3001
    UNSUPPORTED_VERSION = 3002
    NO_MATCHING_ENDPOINTS = 3003
    HUB_ERROR = 4000
    UNKNOWN_RECEIVER = 4001
    HUB_TIMEOUT = 4002
    HUB_CONNECTION_PROBLEM = 4003

    @classmethod
    def of_receivers(cls) -> "frozenset[Status]":
        """Return what a hub says of the party that a request is for, and of nobody else."""
        return frozenset({cls.UNKNOWN_RECEIVER, cls.HUB_TIMEOUT, cls.HUB_CONNECTION_PROBLEM})

    @classmethod
    def is_success(cls, code: int) -> bool:
        """Return whether a code, which may be a custom one, says that all was done."""
        return 1000 <= code < 2000
