"""The certificates of `citrine up` are made once, and again where they no longer serve."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from citrine_cli.development_ca import DevelopmentCa, hosts_of
from citrine_cli.up.certificates import VALIDITY, hosts_for, station_tls
from tests.support.pki import DAY


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_first_start_makes_an_authority_and_certificates_of_both_kinds_of_key(tmp_path: Path) -> None:
    made = station_tls(tmp_path / "ca", ["localhost", "127.0.0.1"])

    authority = read(made.ca_file)
    assert made.ca_key_file.stat().st_mode & 0o777 == 0o600
    keys = []
    for certificate, key in made.certificates:
        read(certificate).verify_directly_issued_by(authority)
        assert key.exists()
        assert hosts_of(certificate)[0] == {"localhost", "127.0.0.1"}
        keys.append(read(certificate).public_key())
    assert isinstance(keys[0], ec.EllipticCurvePublicKey)
    assert isinstance(keys[1], rsa.RSAPublicKey)


def test_a_second_start_uses_the_same(tmp_path: Path) -> None:
    def content() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    station_tls(tmp_path, ["localhost"])
    before = content()
    station_tls(tmp_path, ["localhost"])

    assert content() == before


def test_a_new_host_or_an_expiry_that_is_near_gets_a_new_certificate_of_the_same_authority(tmp_path: Path) -> None:
    authority = DevelopmentCa(tmp_path)
    authority.create("An operator's own", 3650 * DAY)
    authority.issue_server("server", ["by-hand.example"], 10 * DAY, with_rsa=False)

    made = station_tls(tmp_path, ["localhost"])
    moved = station_tls(tmp_path, ["localhost", "csms.example"])

    assert "An operator's own" in read(made.ca_file).subject.rfc4514_string()
    certificate, _ = moved.certificates[0]
    hosts, until = hosts_of(certificate)
    assert hosts == {"localhost", "csms.example", "by-hand.example"}
    assert until > datetime.now(UTC) + VALIDITY - DAY


def test_what_is_no_certificate_has_no_hosts(tmp_path: Path) -> None:
    (tmp_path / "server.crt").write_text("nonsense")

    assert hosts_of(tmp_path / "server.crt")[0] == hosts_of(tmp_path / "nothing.crt")[0] == frozenset()


def test_stations_reach_this_machine_by_its_names_and_addresses() -> None:
    hosts = hosts_for("0.0.0.0:9443", "192.0.2.1:9444", "")

    assert {"localhost", "127.0.0.1", "192.0.2.1"} <= set(hosts)
    assert "0.0.0.0" not in hosts
