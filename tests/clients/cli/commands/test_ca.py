"""`citrine ca`: what it issues, as OpenSSL and the files' owner see it."""

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from tests.clients.cli.conftest import Cli

FOLDER = Path(".citrine/ca")


def certificate(name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((FOLDER / f"{name}.crt").read_bytes())


def common_name(of: x509.Certificate) -> object:
    return of.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def alternative_names(of: x509.Certificate) -> x509.SubjectAlternativeName:
    return of.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def policy() -> PolicyBuilder:
    return PolicyBuilder().store(Store([certificate("ca")]))


@pytest.fixture
def ca(cli: Cli) -> Cli:
    assert cli("ca", "init").code == 0
    return cli


def test_an_authority_is_made_once_and_says_what_it_is_for(cli: Cli) -> None:
    made, again = cli("ca", "init"), cli("ca", "init")

    assert made.code == 0
    assert ".citrine/ca/ca.crt and .citrine/ca/ca.key written" in made.out
    assert "for development and small installations only" in made.out
    assert again.code == 1
    assert "already" in again.err


def test_only_the_owner_reads_keys_and_enters_the_folder(ca: Cli) -> None:
    ca("ca", "issue", "edge", "north")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in FOLDER.iterdir()}

    assert stat.S_IMODE(FOLDER.stat().st_mode) == 0o700
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "edge-north.crt": 0o644, "edge-north.key": 0o600}


def test_an_edge_is_a_client_with_its_name_as_uri(ca: Cli) -> None:
    ran = ca("ca", "issue", "edge", "north", "south")

    verified = policy().build_client_verifier().verify(certificate("edge-south"), [])
    assert ran.code == 0
    assert alternative_names(certificate("edge-north")).get_values_for_type(x509.UniformResourceIdentifier) == [
        "edge:north"
    ]
    assert verified.chain[-1] == certificate("ca")


def test_a_core_is_a_server_by_all_its_names(ca: Cli) -> None:
    ran = ca("ca", "issue", "core", "core.example.com", "127.0.0.1")

    made = certificate("core")
    policy().build_server_verifier(x509.DNSName("core.example.com")).verify(made, [])
    assert ran.code == 0
    assert [str(one) for one in alternative_names(made).get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    with pytest.raises(VerificationError):
        policy().build_client_verifier().verify(made, [])


def test_a_station_has_its_id_and_organisation_in_the_subject(ca: Cli) -> None:
    ran = ca("ca", "issue", "station", "CS-1", "--operator", "Example")

    made = certificate("station-CS-1")
    assert ran.code == 0
    assert common_name(made) == "CS-1"
    assert made.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Example"


def test_a_server_for_older_stations_has_an_rsa_key_beside(ca: Cli) -> None:
    ran = ca("ca", "issue", "server", "ocpp.example.com", "--rsa")

    keys = [load_pem_private_key((FOLDER / f"{name}.key").read_bytes(), None) for name in ("server", "server-rsa")]
    assert ran.code == 0
    assert [type(key) for key in keys if isinstance(key, rsa.RSAPrivateKey)] != []
    assert isinstance(keys[0], ec.EllipticCurvePrivateKey)
    assert certificate("server-rsa").public_key() == keys[1].public_key()


def test_a_certificate_is_valid_as_long_as_asked_but_not_longer_than_the_authority(ca: Cli) -> None:
    ca("ca", "issue", "edge", "short", "--valid", "1h")
    ca("ca", "issue", "edge", "long", "--valid", "20000d")

    left = certificate("edge-short").not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=55) < left <= dt.timedelta(hours=1)
    assert certificate("edge-long").not_valid_after_utc <= certificate("ca").not_valid_after_utc + dt.timedelta(
        seconds=1
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["edge", "a b"], "can't name an edge", id="name of an edge"),
        pytest.param(["station", "a/b"], "can't be the id of a station", id="id of a station"),
        pytest.param(["edge", "a", "--rsa"], "--rsa is for the certificate of a server", id="rsa"),
        pytest.param(["edge", "a", "--valid", "0s"], "--valid", id="validity"),
        pytest.param(["server", "exämple"], "no host name", id="host"),
        pytest.param(["boat", "a"], "boat", id="kind"),
    ],
)
def test_what_makes_no_sense_is_refused(ca: Cli, arguments: list[str], said: str) -> None:
    ran = ca("ca", "issue", *arguments)

    assert ran.code == 2
    assert said in ran.err


def test_nothing_is_issued_without_an_authority(cli: Cli) -> None:
    ran = cli("ca", "issue", "edge", "a")

    assert ran.code == 1
    assert "citrine ca init" in ran.err
