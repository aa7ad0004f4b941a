"""Which authorities a core has by its settings, and what is wrong with settings."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from citrine.ocpp.v2 import security_pb2 as ocpp
from citrine_core.certificate_authorities import COMBINED, CertificateAuthority, SigningRequest, authorities_of
from citrine_core.config import CoreSettings
from citrine_process.settings import InvalidSetting
from tests.support.pki import ORGANIZATION, Authority, Kind
from tests.support.signing_requests import signing_request

STATION, V2G = (
    ocpp.CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE,
    ocpp.CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE,
)


def authorities(**settings: Any) -> dict[int, CertificateAuthority]:
    return dict(authorities_of(CoreSettings(**settings), lambda: datetime.now(UTC)))


def files(directory: Path, name: str = "ca", kind: Kind = "ec") -> tuple[Path, Path]:
    return Authority.root("CA", kind).own.write(directory, name)


def test_there_is_none_by_default() -> None:
    assert authorities() == {}


def test_what_vehicles_verify_is_signed_by_the_v2g_authority(tmp_path: Path) -> None:
    certificate, key = files(tmp_path)
    v2g_certificate, v2g_key = files(tmp_path, "v2g")
    station = {"station_ca_certificate_file": certificate, "station_ca_key_file": key}
    v2g = {"v2g_ca_certificate_file": v2g_certificate, "v2g_ca_key_file": v2g_key}

    alone, both = authorities(**station), authorities(**station, **v2g)

    assert alone.keys() == {STATION, COMBINED}
    assert both.keys() == {STATION, COMBINED, V2G, ocpp.CERTIFICATE_SIGNING_USE_ENUM_V2G20_CERTIFICATE}
    assert both[COMBINED] is both[V2G] is not both[STATION]


async def test_A00_FR_505_an_authority_with_a_key_of_rsa_signs_by_pss(tmp_path: Path) -> None:
    certificate, key = files(tmp_path, kind="rsa")
    authority = authorities(station_ca_certificate_file=certificate, station_ca_key_file=key)[STATION]

    chain = await authority.order(SigningRequest(signing_request("CS-1"), "CS-1", ORGANIZATION))

    leaf, root = x509.load_pem_x509_certificates(chain.encode())
    leaf.verify_directly_issued_by(root)
    assert isinstance(root.public_key(), rsa.RSAPublicKey)
    assert isinstance(leaf.signature_algorithm_parameters, padding.PSS)
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def wrong_settings(directory: Path) -> list[tuple[dict[str, Any], str]]:
    certificate, key = files(directory)
    _, other_key = files(directory, "other")
    leaf, leaf_key = Authority.root().issue("CS-1").write(directory, "leaf")

    def pair(first: Path, second: Path) -> dict[str, Any]:
        return {"station_ca_certificate_file": first, "station_ca_key_file": second}

    return [
        ({"station_ca_certificate_file": certificate}, "go together"),
        (pair(certificate, other_key), "is not the key of"),
        (pair(leaf, leaf_key), "certificate of an authority"),
        (pair(key, certificate), "in PEM"),
        (pair(directory / "missing", key), "can't be read"),
        ({"v2g_ca_url": "http://ca.example/.well-known/est"}, "v2g_ca_url: must be https"),
        ({"station_ca_url": "https://ca.example/est", **pair(certificate, key)}, "exclude one another"),
        ({"station_ca_url": "https://ca.example/est", "est_trust_file": directory / "missing"}, "can't be used"),
        ({"station_ca_url": "https://ca.example/est", "est_client_certificate_file": key}, "can't be used"),
    ]


def test_settings_that_can_not_work_stop_the_start(tmp_path: Path) -> None:
    found = []
    for settings, _ in wrong_settings(tmp_path):
        with pytest.raises(InvalidSetting) as raised:
            authorities(**settings)
        found.append(str(raised.value))

    expected = [words for _, words in wrong_settings(tmp_path)]
    assert [(text, words) for text, words in zip(found, expected, strict=True) if words not in text] == []
