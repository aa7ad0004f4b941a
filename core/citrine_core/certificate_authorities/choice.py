"""The authorities that the settings of a core name, by what they sign."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from citrine.ocpp.v2.security_pb2 import CertificateSigningUseEnum
from citrine_core.certificate_authorities.interface import CertificateAuthority
from citrine_core.config import CoreSettings
from citrine_process.settings import InvalidSetting

__all__ = ["COMBINED", "authorities_of"]

_Use = CertificateSigningUseEnum

COMBINED = _Use.CERTIFICATE_SIGNING_USE_ENUM_UNSPECIFIED
"""A request that names no type is for a certificate that serves both purposes."""


def authorities_of(settings: CoreSettings, clock: Callable[[], datetime]) -> Mapping[int, CertificateAuthority]:
    """Return the authorities by CertificateSigningUseEnum; where there is none, such certificates are not signed.

    Raises:
        InvalidSetting: When the settings of an authority can't be used.
    """
    found: dict[int, CertificateAuthority] = {}
    station = _authority(
        "station_ca",
        settings.station_ca_url,
        (settings.station_ca_certificate_file, settings.station_ca_key_file),
        settings,
        clock,
    )
    if station is not None:
        found[_Use.CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE] = found[COMBINED] = station
    v2g = _authority(
        "v2g_ca", settings.v2g_ca_url, (settings.v2g_ca_certificate_file, settings.v2g_ca_key_file), settings, clock
    )
    if v2g is not None:
        found[_Use.CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE] = v2g
        found[_Use.CERTIFICATE_SIGNING_USE_ENUM_V2G20_CERTIFICATE] = v2g
        # Vehicles demand more of an authority than the CSMS, which trusts whom it likes (A00.FR.428).
        found[COMBINED] = v2g
    return found


def _authority(
    name: str,
    url: str,
    files: tuple[Path | None, Path | None],
    settings: CoreSettings,
    clock: Callable[[], datetime],
) -> CertificateAuthority | None:
    certificate_file, key_file = files
    if url and (certificate_file or key_file):
        raise InvalidSetting(f"{name}_url and {name}_certificate_file exclude one another: one authority signs")
    if url:
        return _est(name, url, settings)
    if certificate_file is None and key_file is None:
        return None
    if certificate_file is None or key_file is None:
        raise InvalidSetting(f"{name}_certificate_file and {name}_key_file go together: one of them is not set")
    # Imported only where it is configured: the import takes time and memory.
    from citrine_core.certificate_authorities.local import LocalAuthority

    try:
        return LocalAuthority(certificate_file, key_file, settings.station_certificate_lifetime, clock)
    except ValueError as error:
        raise InvalidSetting(f"{name}_certificate_file: {error}") from error


def _est(name: str, url: str, settings: CoreSettings) -> CertificateAuthority:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise InvalidSetting(f"{name}_url: must be https://HOST/.well-known/est, perhaps with a label behind it")
    # Imported only where it is configured: the import takes time and memory.
    from citrine_core.certificate_authorities.est import EstAuthority, EstLogin

    login = EstLogin(
        settings.est_trust_file,
        settings.est_credential_file,
        settings.est_client_certificate_file,
        settings.est_client_key_file,
    )
    try:
        login.context()
        login.headers()
    except OSError as error:
        # ssl.SSLError is one.
        raise InvalidSetting(f"{name}_url: a file to authenticate by can't be used: {error}") from error
    return EstAuthority(url, login)
