"""TLS between real processes: edges identified by certificates, clients, and what must be refused."""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest

from citrine.api.v1.edges_pb2 import ListEdgesRequest, RevokeEdgeRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, ListStationsRequest, Station
from citrine_sdk import Citrine
from tests.support.deployment import Deployment as Processes
from tests.support.deployment import Process, free_port, stopped_at_the_end
from tests.support.quick_commands import quick_citrine
from tests.support.raw_station import raw_station
from tests.support.waiting import WAIT

PASSWORD = "correct-horse-battery"

REVOKED_WITHIN = 60.0
"""Seconds until a revoked edge has no link to any core."""


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(quick_citrine()), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


class Site:
    """A core with TLS and edges with certificates, all made by `citrine ca`."""

    def __init__(self, directory: Path, database: str) -> None:
        self.directory = directory
        self.processes = Processes(database, directory)
        self.link_port = free_port()
        self.ca_file = directory / ".citrine/ca/ca.crt"
        self.grpc = ""

    def ca(self, *arguments: str) -> None:
        ran = run("ca", *arguments, cwd=self.directory)
        assert ran.returncode == 0, ran.stderr

    def issued(self, name: str) -> dict[str, str]:
        folder = self.directory / ".citrine/ca"
        return {"certificate": str(folder / f"{name}.crt"), "key": str(folder / f"{name}.key")}

    async def start_core(self, workers: int = 1) -> Process:
        own = self.issued("core")
        core = Process(
            "core",
            ["core", f"--workers={workers}"],
            {
                "CITRINE_DATABASE": self.processes.database,
                "CITRINE_GRPC_LISTEN": "127.0.0.1:0",
                "CITRINE_GRPC_CERTIFICATE_FILE": own["certificate"],
                "CITRINE_GRPC_KEY_FILE": own["key"],
                "CITRINE_LINK_LISTEN": f"127.0.0.1:{self.link_port}",
                "CITRINE_LINK_CA_FILE": str(self.ca_file),
                "CITRINE_CORE_HTTP_LISTEN": "127.0.0.1:0",
                "CITRINE_OPERATOR_KEY_FILE": str(self.directory / "operator.key"),
            },
            self.directory,
        )
        self.processes.cores.append(core)
        core.start()
        self.grpc = (await core.ready())["grpc"]
        return core

    def start_edge(self, name: str, certificate: str | None = None, ca_file: Path | None = None) -> Process:
        """Start an edge; its certificate is that of `edge-NAME`, or another one."""
        own = self.issued(certificate or f"edge-{name}")
        edge = Process(
            f"edge-{name}",
            ["edge"],
            {
                # By name, so that the certificate must have it.
                "CITRINE_CORE": f"localhost:{self.link_port}",
                "CITRINE_EDGE_CORE_CA_FILE": str(ca_file or self.ca_file),
                "CITRINE_EDGE_CERTIFICATE_FILE": own["certificate"],
                "CITRINE_EDGE_KEY_FILE": own["key"],
                "CITRINE_OCPP_LISTEN": "127.0.0.1:0",
                "CITRINE_EDGE_HTTP_LISTEN": "127.0.0.1:0",
            },
            self.directory,
        )
        self.processes.edges.append(edge)
        edge.start()
        return edge

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Citrine]:
        async with Citrine(self.grpc, key=self.processes.key, ca_file=self.ca_file) as citrine:
            yield citrine


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Iterator[Site]:
    """A site with its certificates; nothing runs yet."""
    site = Site(tmp_path, sqlite_url)
    site.ca("init")
    site.ca("issue", "core", "localhost", "127.0.0.1")
    site.ca("issue", "edge", "north", "south")
    with stopped_at_the_end(site.processes):
        yield site


async def logged(process: Process, text: str, limit: float = 30) -> str:
    """Wait until a process has logged a text; return the line."""
    async with asyncio.timeout(limit):
        while True:
            for line in process.log.read_text().splitlines():
                if text in line:
                    return line
            await asyncio.sleep(0.05)


async def test_a_station_is_served_by_edges_that_have_a_certificate_and_no_secret(site: Site) -> None:
    await site.start_core()
    north = site.start_edge("north")
    await north.serving()

    async with site.client() as citrine:
        station = Station(station_id="CS-1")
        await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
        async with raw_station(f"ws://{(await north.ready())['ocpp']}", "CS-1", PASSWORD) as connected:
            await connected.boot()
        edges = (await citrine.edges.ListEdges(ListEdgesRequest())).edges

    assert [(edge.edge_name, edge.has_credential, edge.processes) for edge in edges] == [("north", False, 1)]


async def test_workers_of_a_core_have_a_port_with_tls_each(site: Site) -> None:
    await site.start_core(workers=2)
    north = site.start_edge("north")

    await north.serving()

    async with asyncio.timeout(WAIT):
        while north.log.read_text().count("link up") < 2:
            await asyncio.sleep(0.05)


async def test_a_revoked_edge_loses_its_link_and_the_other_keeps_it(site: Site) -> None:
    core = await site.start_core()
    north, south = site.start_edge("north"), site.start_edge("south")
    await north.serving()
    await south.serving()

    async with site.client() as citrine:
        await citrine.edges.RevokeEdge(RevokeEdgeRequest(edge_name="north"))

    assert "the edge north is revoked" in await logged(north, "link lost", REVOKED_WITHIN)
    assert "the edge north is revoked" in await logged(core, "an edge was refused")
    assert "link lost" not in south.log.read_text()


async def test_a_link_ends_with_its_certificate_and_begins_with_the_next_one(site: Site) -> None:
    await site.start_core()
    site.ca("issue", "edge", "north", "--valid", "12s")
    north = site.start_edge("north")
    await north.serving()

    assert "has expired" in await logged(north, "link lost", REVOKED_WITHIN)
    before = north.log.read_text().count("link up")
    site.ca("issue", "edge", "north")

    # The new certificate is read without a restart.
    async with asyncio.timeout(WAIT):
        while north.log.read_text().count("link up") == before:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        pytest.param("edge-old", "core not reached", id="expired"),
        pytest.param("station-CS-1", "the certificate names no edge", id="a station's"),
    ],
)
async def test_an_edge_is_not_let_in_by_a_certificate_that_is(site: Site, certificate: str, said: str) -> None:
    await site.start_core()
    site.ca("issue", "edge", "old", "--valid", "0.001s")
    site.ca("issue", "station", "CS-1")
    edge = site.start_edge("old", certificate)

    assert said in await logged(edge, "core not reached")
    assert "link up" not in edge.log.read_text()


async def test_neither_side_trusts_the_certificates_of_another_authority(site: Site) -> None:
    core = await site.start_core()
    site.ca("init", "--folder", "other")
    site.ca("issue", "edge", "north", "--folder", "other")
    other = site.directory / "other"

    doubting = site.start_edge("south", ca_file=other / "ca.crt")
    assert "CERTIFICATE_VERIFY_FAILED" in await logged(doubting, "core not reached")
    doubted = site.start_edge("north", certificate="../../other/edge-north")
    await logged(doubted, "core not reached")

    assert "link up" not in doubting.log.read_text() + doubted.log.read_text()
    assert "an edge linked" not in core.log.read_text()


async def test_clients_need_tls_and_the_authority(site: Site) -> None:
    await site.start_core()
    where = ("--core", site.grpc, "--key-file", "operator.key")

    trusting = await asyncio.to_thread(run, "--ca", str(site.ca_file), *where, "station", "list", cwd=site.directory)
    plain = await asyncio.to_thread(run, *where, "station", "list", cwd=site.directory)
    doubting = await asyncio.to_thread(run, "--tls", *where, "station", "list", cwd=site.directory)
    async with Citrine([site.grpc, site.grpc], key=site.processes.key, ca_file=site.ca_file) as citrine:
        stations = await citrine.stations.ListStations(ListStationsRequest())

    assert (trusting.returncode, trusting.stderr) == (0, "")
    assert plain.returncode == 1
    assert doubting.returncode == 1
    assert not stations.stations


async def test_the_port_of_edges_lets_nobody_in_without_a_certificate(site: Site) -> None:
    await site.start_core()

    async with Citrine(f"127.0.0.1:{site.link_port}", key=site.processes.key, ca_file=site.ca_file) as citrine:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await citrine.stations.ListStations(ListStationsRequest(), timeout=5)

    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_new_certificate_is_used_without_a_restart_and_open_links_continue(site: Site) -> None:
    core = await site.start_core()
    north = site.start_edge("north")
    await north.serving()
    host, _, port = site.grpc.rpartition(":")
    before = await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))

    # A half-replaced pair is not used.
    folder = site.directory / ".citrine/ca"
    certificate = (folder / "core.crt").read_bytes()
    site.ca("issue", "core", "localhost", "127.0.0.1")
    new = (folder / "core.crt").read_bytes()
    (folder / "core.crt").write_bytes(certificate)
    between = await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))
    (folder / "core.crt").write_bytes(new)
    after = await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))

    assert between == before
    assert after.strip() == new.decode().strip()
    assert "is not replaced" in await logged(core, "the certificate of the gRPC server")
    assert "link lost" not in north.log.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["core", "--grpc-listen", "0.0.0.0:50051"], "allow plain text with --insecure-grpc", id="core"),
        pytest.param(["edge", "--core", "core.example:50051"], "allow plain text with --insecure-grpc", id="edge"),
        pytest.param(["core", "--link-listen", "127.0.0.1:0"], "link_ca_file", id="no authority"),
        pytest.param(["core", "--grpc-key-file", "x"], "grpc_certificate_file", id="no certificate"),
        pytest.param(["core", "--grpc-certificate-file", "x"], "x can't be read", id="no such file"),
        pytest.param(["edge", "--edge-core-ca-file", "x"], "x can't be read", id="no such authority"),
        pytest.param(["edge", "--edge-certificate-file", "x"], "edge_core_ca_file", id="no authority of cores"),
    ],
)
def test_a_process_says_in_one_line_why_it_does_not_start(tmp_path: Path, arguments: list[str], said: str) -> None:
    ran = run(*arguments, cwd=tmp_path)

    assert ran.returncode == 2
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


async def test_plain_text_to_others_is_a_decision(tmp_path: Path, sqlite_url: str) -> None:
    processes = Processes(sqlite_url, tmp_path)
    settings = {
        "CITRINE_DATABASE": sqlite_url,
        "CITRINE_GRPC_LISTEN": "0.0.0.0:0",
        "CITRINE_CORE_HTTP_LISTEN": "127.0.0.1:0",
    }
    with stopped_at_the_end(processes):
        core = Process("core", ["core", "--insecure-grpc"], settings, tmp_path)
        processes.cores.append(core)
        core.start()

        assert (await core.ready())["grpc"].startswith("0.0.0.0:")
