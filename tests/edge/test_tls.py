"""Tests of TLS from outside: by the client of OpenSSL, which is not ours, and by stations."""

import asyncio
import os
import re
import signal
import ssl
from pathlib import Path

import pytest
from websockets.exceptions import WebSocketException

from citrine.edge.v1.link_pb2 import HandshakeRefused
from citrine_edge.app import main
from citrine_edge.tls import CertificateFiles, Contexts
from citrine_process.settings import InvalidSetting
from tests.edge.conftest import RunningEdge, running_edge
from tests.edge.tls_files import tls_settings
from tests.support.edge_process import edge_process, line_with
from tests.support.fake_core import FakeCore
from tests.support.pki import DAY, Authority, Certified
from tests.support.waiting import WAIT

AUTHORITY = Authority.root()


def trusting(station: Certified | None = None, directory: Path | None = None) -> ssl.SSLContext:
    """Return the context of a station, which may have a certificate."""
    context = ssl.create_default_context(cadata=AUTHORITY.pem)
    if station is not None and directory is not None:
        context.load_cert_chain(*station.write(directory, "station"))
    return context


async def s_client(address: str, *options: str, say: bytes = b"", cwd: Path | None = None) -> str:
    """Return what `openssl s_client` prints of a connection, on which it may say something."""
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-connect", address, *options), cwd=cwd,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(WAIT):
        printed, _ = await process.communicate(say)
    return printed.decode(errors="replace")


def agreed(printed: str) -> tuple[str, str]:
    """Return protocol and cipher suite of a handshake; ("", "") if it failed."""
    found = re.search(r"New, (\S+), Cipher is (\S+)", printed)
    return (found[1], found[2]) if found and found[2] != "(NONE)" else ("", "")


@pytest.mark.parametrize(
    ("options", "suite", "key"),
    [
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ECDHE-ECDSA-AES128-GCM-SHA256", "id-ecPublicKey"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], "ECDHE-ECDSA-AES256-GCM-SHA384", "id-ecPublicKey"),
        (["-tls1_2", "-cipher", "AES128-GCM-SHA256"], "AES128-GCM-SHA256", "rsaEncryption"),
        (["-tls1_2", "-cipher", "AES256-GCM-SHA384"], "AES256-GCM-SHA384", "rsaEncryption"),
        (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "ECDHE-RSA-AES128-GCM-SHA256", "rsaEncryption"),
        (["-tls1_3"], "TLS_AES_256_GCM_SHA384", "id-ecPublicKey"),
    ],
    ids=["ECDSA AES128", "ECDSA AES256", "RSA AES128", "RSA AES256", "ECDHE RSA", "TLS 1.3"],
)
async def test_A00_FR_318_each_suite_is_spoken_with_the_certificate_that_it_needs(
    core: FakeCore, tmp_path: Path, options: list[str], suite: str, key: str
) -> None:
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)
    async with running_edge(core, **tls_settings(AUTHORITY, tmp_path)) as edge:
        printed = await s_client(edge.addresses["ocpps"], *options, "-CAfile", "ca.pem", cwd=tmp_path)

    assert agreed(printed)[1] == suite
    assert key in printed
    assert "Verify return code: 0 (ok)" in printed
    assert "Compression: NONE" in printed


@pytest.mark.parametrize(
    "options",
    [
        ["-tls1_1", "-cipher", "ALL@SECLEVEL=0"],
        ["-tls1", "-cipher", "ALL@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
        ["-tls1_2", "-cipher", "AES128-SHA:AES256-SHA256"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256"],
        ["-tls1_2", "-cipher", "eNULL:aNULL@SECLEVEL=0"],
    ],
    ids=["TLS 1.1", "TLS 1.0", "ECDSA with CBC", "RSA with CBC", "other suites", "no encryption"],
)
async def test_A00_FR_315_older_versions_and_other_suites_are_refused(
    core: FakeCore, tmp_path: Path, options: list[str]
) -> None:
    async with running_edge(core, **tls_settings(AUTHORITY, tmp_path)) as edge:
        printed = await s_client(edge.addresses["ocpps"], *options)

    assert agreed(printed) == ("", "")


async def test_static_rsa_can_be_refused(core: FakeCore, tmp_path: Path) -> None:
    settings = tls_settings(AUTHORITY, tmp_path, ocpps_forward_secrecy=True)
    async with running_edge(core, **settings) as edge:
        static = await s_client(edge.addresses["ocpps"], "-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-GCM-SHA384")
        ephemeral = await s_client(edge.addresses["ocpps"], "-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384")

    assert agreed(static) == ("", "")
    assert agreed(ephemeral)[1] == "ECDHE-RSA-AES256-GCM-SHA384"


async def test_A00_FR_321_neither_compression_nor_renegotiation_is_agreed_to(core: FakeCore, tmp_path: Path) -> None:
    """With the latter, a client could make the edge compute for nothing."""
    async with running_edge(core, **tls_settings(AUTHORITY, tmp_path)) as edge:
        address = edge.addresses["ocpps"]
        compressed = await s_client(address, "-tls1_2", "-comp")
        renegotiated = await s_client(address, "-tls1_2", "-no_ign_eof", say=b"R\n")

    assert "Compression: NONE" in compressed
    assert "RENEGOTIATING" in renegotiated
    assert re.search(r"no renegotiation|alert|errno", renegotiated)


async def test_a_session_is_resumed(core: FakeCore, tmp_path: Path) -> None:
    async with running_edge(core, **tls_settings(AUTHORITY, tmp_path)) as edge:
        address = edge.addresses["ocpps"]
        await s_client(address, "-tls1_2", "-sess_out", "session.pem", cwd=tmp_path)
        printed = await s_client(address, "-tls1_2", "-sess_in", "session.pem", cwd=tmp_path)

    assert "Reused, TLSv1.2" in printed


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
async def test_core_gets_the_certificate_that_a_station_authenticated_with(
    core: FakeCore, tmp_path: Path, kind: str, version: ssl.TLSVersion
) -> None:
    station = AUTHORITY.below().issue("CS1", kind="rsa" if kind == "rsa" else "ec")
    context = trusting(station, tmp_path)
    context.minimum_version = context.maximum_version = version
    async with running_edge(core, **tls_settings(AUTHORITY, tmp_path, mutual=True)) as edge:
        async with edge.tls_station(context, "ocpps_mtls"):
            mutual = await core.next("admit")
        async with edge.tls_station(trusting(), "ocpps"):
            basic = await core.next("admit")
        async with edge.station("CS1"):
            plain = await core.next("admit")

    assert [one.security_profile for one in (mutual, basic, plain)] == [3, 2, 1]
    assert (mutual.client_certificate.der, mutual.client_certificate.sha256) == (station.der, station.sha256)
    assert not basic.HasField("client_certificate")
    assert not plain.HasField("client_certificate")


@pytest.mark.parametrize(
    ("station", "problem", "cause"),
    [
        pytest.param(None, "peer_did_not_return_a_certificate", "NO_CERTIFICATE", id="no certificate"),
        pytest.param(
            Authority.root("Another").issue("CS1"),
            "certificate: unable to get",
            "CERTIFICATE_UNTRUSTED",
            id="unknown authority",
        ),
        pytest.param(
            AUTHORITY.issue("CS1", until=-DAY / 2),
            "certificate: certificate has expired",
            "CERTIFICATE_EXPIRED",
            id="expired",
        ),
        pytest.param(
            AUTHORITY.issue("CS1", since=DAY),
            "certificate: certificate is not yet valid",
            "CERTIFICATE_EXPIRED",
            id="not yet valid",
        ),
    ],
)
async def test_A00_FR_407_a_station_without_a_valid_certificate_is_cut_off_and_operators_learn_why(
    core: FakeCore, tmp_path: Path, station: Certified | None, problem: str, cause: str
) -> None:
    async with running_edge(core, **tls_settings(AUTHORITY, tmp_path, mutual=True)) as edge:
        await cut_off(edge, trusting(station, tmp_path))
        await edge.until(lambda: f'failed_arrivals_total{{problem="{problem}' in edge.edge.metrics.render().decode())
        refused = await core.next("handshake_refused")
        async with edge.tls_station(trusting(AUTHORITY.issue("CS1"), tmp_path), "ocpps_mtls"):
            assert (await core.next("admit")).security_profile == 3

    assert HandshakeRefused.Cause.Name(refused.cause) == f"CAUSE_{cause}"
    assert refused.remote_address.startswith("127.0.0.1:")
    assert (refused.station_id, refused.detail.startswith(problem.replace("_", " "))) == ("", True)


async def test_what_speaks_no_tls_that_is_spoken_here_is_reported_and_who_says_nothing_is_not(
    core: FakeCore, tmp_path: Path
) -> None:
    async with running_edge(core, **tls_settings(AUTHORITY, tmp_path)) as edge:
        host, port = edge.addresses["ocpps"].split(":")
        _, scanner = await asyncio.open_connection(host, port)
        scanner.close()
        await edge.until(lambda: 'failed_arrivals_total{problem="lost' in edge.edge.metrics.render().decode())
        _, plain = await asyncio.open_connection(host, port)
        plain.write(b"GET /CS1 HTTP/1.1\r\nHost: edge\r\n\r\n")
        refused = await core.next("handshake_refused")
        plain.close()

    assert refused.cause == HandshakeRefused.CAUSE_TLS
    assert refused.detail == "http request"


async def test_A00_FR_429_an_expired_certificate_is_let_through_to_the_core_where_that_is_set(
    core: FakeCore, tmp_path: Path
) -> None:
    """One of another authority is not."""
    settings = tls_settings(AUTHORITY, tmp_path, mutual=True, ocpps_expired_certificates=True)
    expired, other = (one.issue("CS1", until=-DAY / 2) for one in (AUTHORITY, Authority.root("Another")))
    async with running_edge(core, **settings) as edge:
        async with edge.tls_station(trusting(expired, tmp_path), "ocpps_mtls"):
            admit = await core.next("admit")
        await cut_off(edge, trusting(other, tmp_path))

    assert admit.client_certificate.der == expired.der


async def test_a_station_with_its_certificate_is_let_in_whatever_fails_at_its_address(
    core: FakeCore, tmp_path: Path
) -> None:
    """As many stations may have one address, and somebody who guesses, too."""
    context = trusting(AUTHORITY.issue("CS1"), tmp_path)
    settings = tls_settings(AUTHORITY, tmp_path, mutual=True, ocpp_address_refusal_rate=0.001)
    async with running_edge(core, **settings) as edge:
        async with edge.tls_station(context, "ocpps_mtls"):
            pass
        while (await edge.refusal("no/such/path")).status_code != 429:
            pass
        async with edge.tls_station(context, "ocpps_mtls") as station:
            assert station.websocket.subprotocol == "ocpp2.0.1"


async def cut_off(edge: RunningEdge, context: ssl.SSLContext) -> None:
    """Fail where a station gets in with a context."""
    with pytest.raises((OSError, EOFError, WebSocketException)):
        async with edge.tls_station(context, "ocpps_mtls"):
            pass


async def test_a_revoked_certificate_is_refused_once_the_list_says_so(core: FakeCore, tmp_path: Path) -> None:
    """The list is loaded without dropping a socket; a session from before is not resumed."""
    authority, crl = Authority.root(), tmp_path / "crl.pem"
    crl.write_text(authority.revocation_list())
    context = ssl.create_default_context(cadata=authority.pem)
    revoked = authority.issue("CS1")
    context.load_cert_chain(*revoked.write(tmp_path, "station"))
    settings = tls_settings(authority, tmp_path, mutual=True, ocpps_client_crl_file=crl)
    async with running_edge(core, **settings) as edge, edge.tls_station(context, "ocpps_mtls") as open_one:
        authority.revoke(revoked)
        crl.write_text(authority.revocation_list())
        edge.edge.listeners.reload_changed()
        await cut_off(edge, context)

        pong = await open_one.websocket.ping()
        await pong


async def test_a_new_certificate_is_used_without_dropping_a_socket(core: FakeCore, tmp_path: Path) -> None:
    settings = tls_settings(AUTHORITY, tmp_path)
    async with running_edge(core, **settings) as edge, edge.tls_station(trusting()) as open_one:
        before = await s_client(edge.addresses["ocpps"], "-tls1_3")
        AUTHORITY.server("ec", "renewed.example").write(tmp_path, "ec")
        edge.edge.listeners.reload_changed()
        after = await s_client(edge.addresses["ocpps"], "-tls1_3")
        await (await open_one.websocket.ping())

    assert "CN = renewed.example" not in before
    assert "CN = renewed.example" in after


async def test_files_that_can_not_be_used_leave_those_of_before_in_use(core: FakeCore, tmp_path: Path) -> None:
    settings = tls_settings(AUTHORITY, tmp_path)
    async with running_edge(core, **settings) as edge:
        (tmp_path / "ec.pem").write_text("no certificate\n")
        edge.edge.listeners.reload()
        async with edge.tls_station(trusting()) as station:
            assert station.websocket.subprotocol == "ocpp2.0.1"


async def test_a_hangup_loads_the_files_anew_in_all_workers(tmp_path: Path) -> None:
    """And nothing else happens: neither the workers nor their supervisor end."""
    settings = tls_settings(AUTHORITY, tmp_path)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    async with edge_process("--workers=2", *flags) as process:
        await line_with(process, "all workers listen")
        os.kill(process.pid, signal.SIGHUP)
        for _ in range(2):
            assert "worker=" in await line_with(process, "certificates loaded anew")
        process.terminate()
        await line_with(process, "the workers stop")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"ocpps_certificate_file": ""}, "ocpps_certificate_file: is needed for TLS", id="no certificate"),
        pytest.param({"ocpps_certificate_file": "none.pem,rsa.pem"}, "none.pem with ", id="no such file"),
        pytest.param({"ocpps_key_file": "a.key"}, "ocpps_key_file: 1 keys for 2 certificates", id="a key too few"),
        pytest.param({"ocpps_key_file": "rsa.key,ec.key"}, "with rsa.key: no certificate assigned", id="another key"),
        pytest.param({"ocpps_mtls_listen": "127.0.0.1:0"}, "ocpps_client_ca_file: is needed", id="no authority"),
        pytest.param(
            {"ocpps_mtls_listen": "127.0.0.1:0", "ocpps_client_ca_file": "ec.key"}, "ocpps_client_ca_file: ec.key: ",
            id="no authority in the file",
        ),
        pytest.param({"ocpp_listen": "", "ocpps_listen": ""}, "one of ocpp_listen, ocpps_listen,", id="no listener"),
        pytest.param({"ocpp_proxy_protocol": "ocpp"}, "ocpp_proxies: is needed", id="no proxies"),
        pytest.param({"ocpp_proxy_protocol": "udp"}, "'udp' is none of ocpp, ocpps, ocpps_mtls", id="no such listener"),
    ],
)  # fmt: skip
def test_settings_that_can_not_be_used_are_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {**tls_settings(AUTHORITY, tmp_path), **change}

    code = main([f"--{name.replace('_', '-')}={value}" for name, value in settings.items()])

    assert code == 2
    assert said in capsys.readouterr().err


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    pair = AUTHORITY.server().write(tmp_path, "ec")
    encrypted = tmp_path / "encrypted.key"
    os.spawnlp(
        *(os.P_WAIT, "openssl", "openssl", "ec", "-in", str(pair[1]), "-aes256", "-passout", "pass:secret"),
        *("-out", str(encrypted)),
    )

    with pytest.raises(InvalidSetting, match="ocpps_certificate_file: "):
        Contexts(CertificateFiles(((pair[0], encrypted),)), mutual=False)
