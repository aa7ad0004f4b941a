"""What a request is refused with: a status of OCPI, and one of HTTP where the request did not reach OCPI.

* :exc:`OcpiError`
    * :exc:`InvalidJson` -> HTTP 400
    * :exc:`Unauthorized` -> HTTP 401
    * :exc:`Forbidden` -> HTTP 403
    * :exc:`NotFound` -> HTTP 404
    * :exc:`MethodNotAllowed` -> HTTP 405
    * :exc:`TooLarge` -> HTTP 413
    * :exc:`TooMany` -> HTTP 429
    * :exc:`Unavailable` -> 3000
    * :exc:`InvalidParameters` -> 2001
    * :exc:`NotEnoughInformation` -> 2002
    * :exc:`UnknownLocation` -> 2003
    * :exc:`UnknownToken` -> 2004
    * :exc:`UnusableApi` -> 3001
    * :exc:`UnsupportedVersion` -> 3002
    * :exc:`NoMatchingEndpoints` -> 3003
    * :exc:`UnknownReceiver` -> 4001
"""

from citrine_ocpi.transport.status import Status

__all__ = [
    "Forbidden",
    "InvalidJson",
    "InvalidParameters",
    "MethodNotAllowed",
    "NoMatchingEndpoints",
    "NotEnoughInformation",
    "NotFound",
    "OcpiError",
    "TooLarge",
    "TooMany",
    "Unauthorized",
    "Unavailable",
    "UnknownLocation",
    "UnknownReceiver",
    "UnknownToken",
    "UnsupportedVersion",
    "UnusableApi",
]


class OcpiError(Exception):
    """A request is refused. Its text goes to the partner."""

    status = Status.CLIENT_ERROR
    http_status = 200
    headers: dict[str, str] = {}


class InvalidJson(OcpiError):
    """The body is no JSON."""

    http_status = 400


class Unauthorized(OcpiError):
    """The credentials token is missing or nobody's."""

    http_status = 401
    headers = {"WWW-Authenticate": "Token"}


class Forbidden(OcpiError):
    """The partner may not do anything at present."""

    http_status = 403


class NotFound(OcpiError):
    """There is no such endpoint, or no such object for this partner."""

    http_status = 404


class MethodNotAllowed(OcpiError):
    """The endpoint has no such method, or not for this partner now."""

    http_status = 405


class TooLarge(OcpiError):
    """The body has too many bytes."""

    http_status = 413


class TooMany(OcpiError):
    """Too much is asked for at a time."""

    http_status = 429
    headers = {"Retry-After": "5"}


class Unavailable(OcpiError):
    """The core can't be reached: the same request may succeed later."""

    status = Status.SERVER_ERROR
    headers = {"Retry-After": "5"}


class InvalidParameters(OcpiError):
    """A parameter or a field is missing or wrong."""

    status = Status.INVALID_PARAMETERS


class NotEnoughInformation(OcpiError):
    """What is said does not suffice, e.g. a token is to be authorized without a location."""

    status = Status.NOT_ENOUGH_INFORMATION


class UnknownLocation(OcpiError):
    """A location, EVSE or connector does not exist for this partner."""

    status = Status.UNKNOWN_LOCATION


class UnknownToken(OcpiError):
    """A token does not exist for this partner."""

    status = Status.UNKNOWN_TOKEN


class UnusableApi(OcpiError):
    """The partner's own endpoints can't be used, which were called because of its request."""

    status = Status.UNUSABLE_API


class UnsupportedVersion(OcpiError):
    """The partner does not offer the version that it asks for."""

    status = Status.UNSUPPORTED_VERSION


class NoMatchingEndpoints(OcpiError):
    """The partner lacks endpoints that are needed."""

    status = Status.NO_MATCHING_ENDPOINTS


class UnknownReceiver(OcpiError):
    """The party that a request is for is none of ours."""

    status = Status.UNKNOWN_RECEIVER
