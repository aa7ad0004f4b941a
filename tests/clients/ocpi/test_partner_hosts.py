"""Where requests to partners go: to their own hosts by https, at public addresses, whatever names and answers say."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from citrine_ocpi.metrics import Metrics
from citrine_ocpi.partner import Partner
from citrine_ocpi.partners.introduction import introduce
from citrine_ocpi.transport import InterfaceRole, Party
from citrine_ocpi.transport.client import PartnerClient, PartnerFailed, PartnerRefused
from citrine_ocpi.transport.errors import UnusableApi
from tests.support.emsp import Emsp
from tests.support.pki import Authority
from tests.support.serving import bound, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME, OTHER_NAME = "partner.example", "other.example"
PUBLIC, ELSEWHERE = "93.184.215.14", "2606:2800:220:1::1"
"""Addresses of partner.example and of other.example."""


class Internet:
    """The internet as tests see it: names with addresses, and hosts there that are servers of the test."""

    ports: ClassVar[dict[str, int]] = {}
    """Of the loopback interface by address."""

    def __init__(self) -> None:
        self.names: dict[str, list[Sequence[str]]] = {NAME: [[PUBLIC]], OTHER_NAME: [[ELSEWHERE]]}
        """Addresses of a name: of each look-up in turn, the last ones from then on."""
        self.looked_up: list[str] = []
        self.connected: list[str] = []

    def use(self, loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have a loop look up names and connect by it."""
        resolve, connect = loop.getaddrinfo, loop.create_connection

        async def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
            if host not in self.names:
                return list(await resolve(host, port, **options))
            self.looked_up.append(host)
            answers = self.names[host]
            found = answers.pop(0) if len(answers) > 1 else answers[0]
            return [
                (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
                for one in found
            ]

        async def create_connection(protocol: Any, host: str, port: int, **options: Any) -> Any:
            self.connected.append(host)
            if host not in self.ports:
                raise ConnectionRefusedError(f"nobody is at {host}")
            return await connect(protocol, "127.0.0.1", self.ports[host])

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(loop, "create_connection", create_connection)


class World:
    """Two hosts of the internet, each with an eMSP that has a certificate, and a client that trusts both."""

    def __init__(self, internet: Internet, client: PartnerClient, peer: Emsp, other: Emsp) -> None:
        self.internet = internet
        self.client = client
        self.peer = peer
        self.other = other
        self.partner = Partner("tnm", token="token-of-tnm", versions_url=f"{peer.url}/versions")

    async def get(self, url: str = "") -> Any:
        """Return what the partner answers."""
        return (await self.client.send(self.partner, "GET", url or self.partner.versions_url, module="versions")).data

    async def uids(self) -> list[str]:
        """Return the tokens of the partner, of all pages of its list."""
        routing, url = self.partner.routing(Party("DE", "CIT")), f"{self.peer.url}/2.2.1/sender/tokens"
        pages = self.client.pages(self.partner, url, module="tokens", routing=routing)
        return [one["uid"] async for page in pages for one in page.data]


async def answer(peers: Mapping[str, Emsp], name: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Have whoever is at a host at present answer."""
    await peers[name](scope, receive, send)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[ssl.SSLContext, dict[str, Emsp]]]:
    """What trusts both hosts, and what is at them."""
    authority, directory, peers = Authority.root(), tmp_path_factory.mktemp("hosts"), dict[str, Emsp]()
    async with AsyncExitStack() as stack:
        for name, address in ((NAME, PUBLIC), (OTHER_NAME, ELSEWHERE)):
            certificate, key = authority.issue(name, dns=[name]).write(directory, name)
            opened, _ = bound()
            Internet.ports[address] = opened.getsockname()[1]
            options = {"interface": "asgi3", "ssl_certfile": str(certificate), "ssl_keyfile": str(key)}
            await stack.enter_async_context(serving(partial(answer, peers, name), opened, **options))
        yield ssl.create_default_context(cadata=authority.pem), peers


@pytest_asyncio.fixture(loop_scope="module")
async def world(hosts: tuple[ssl.SSLContext, dict[str, Emsp]], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Both hosts as they are at first, and a client without connections."""
    trust, peers = hosts
    for name in (NAME, OTHER_NAME):
        peers[name] = Emsp(url=f"https://{name}", accepted={"token-of-tnm"})
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    internet = Internet()
    internet.use(asyncio.get_running_loop(), monkeypatch)
    client = PartnerClient(Metrics(), timeout=10.0, verify=trust, largest_answer=65536)
    yield World(internet, client, peers[NAME], peers[OTHER_NAME])
    await client.close()


async def test_a_partner_is_called_at_the_address_that_was_looked_up_each_time(world: World) -> None:
    """Whatever proxy the environment names."""
    for _ in range(2):
        assert [one["version"] for one in await world.get()] == ["2.2.1", "2.3.0"]

    assert world.internet.looked_up == ["partner.example"] * 2
    assert world.internet.connected == [PUBLIC]


async def test_an_address_that_is_not_public_gets_no_connection(world: World) -> None:
    """However it is written, and though another one of the name is public."""
    refused = [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:10.1.2.3", "::127.0.0.1", "::ffff:0:10.1.2.3", "2002:7f00:1::", "64:ff9b::10.1.2.3"),
        *("64:ff9b:1::10.1.2.3", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    ]
    for address in refused:
        for found in ([address], [PUBLIC, address]):
            world.internet.names["partner.example"] = [found]
            with pytest.raises(PartnerRefused, match="not public") as refusal:
                await world.get()
            assert refusal.value.http_status == 0

    assert world.internet.connected == []


async def test_a_name_that_leads_into_a_network_of_ours_a_moment_later_does_not(world: World) -> None:
    """Neither between the look at it and the connection, nor by a connection that is open yet."""
    world.internet.names["partner.example"] = [[PUBLIC], ["127.0.0.1"]]
    await world.get()

    assert (world.internet.looked_up, world.internet.connected) == (["partner.example"], [PUBLIC])
    with pytest.raises(PartnerRefused, match=r"127\.0\.0\.1"):
        await world.get()
    assert world.internet.connected == [PUBLIC]


async def test_only_https_is_spoken(world: World) -> None:
    for url in ("http://partner.example/versions", "http://93.184.215.14/versions", "ftp://partner.example/versions"):
        world.partner = Partner("tnm", token="token-of-tnm", versions_url=url)
        with pytest.raises(PartnerRefused, match="not https"):
            await world.get()

    assert world.internet.looked_up == world.internet.connected == []


async def test_a_url_that_http_can_not_have_is_refused(world: World) -> None:
    """It would be tried again and again."""
    for path in ("/versions\x7f", "/a\nb"):
        with pytest.raises(PartnerRefused):
            await world.get(f"https://partner.example{path}")

    assert world.internet.connected == []


async def test_a_redirection_is_not_followed(world: World) -> None:
    for status in (301, 302, 303, 307, 308):
        headers = {"Location": f"{world.other.url}/versions"}
        world.peer.fault = lambda request, status=status, headers=headers: Response("", status, headers)  # type: ignore[misc]
        with pytest.raises(PartnerRefused, match=f"HTTP {status}"):
            await world.get()

    assert world.internet.looked_up == ["partner.example"] * 5


async def test_a_link_to_another_host_is_not_followed(world: World) -> None:
    """Not even where it has the same address, or another port."""
    world.peer.lists["tokens"] = [{"uid": str(number)} for number in range(4)]
    world.internet.names["other.example"] = [[PUBLIC]]
    assert await world.uids() == ["0", "1", "2", "3"]
    for host in ("other.example", "partner.example:8443", "partner.example.other.example"):

        def linking(request: Request, host: str = host) -> Response:
            answer = world.peer._list(request, "2.2.1", "tokens")
            answer.headers["Link"] = f'<https://{host}/2.2.1/sender/tokens?offset=2>; rel="next"'
            return answer

        world.peer.fault = linking
        with pytest.raises(PartnerRefused, match="is not a host of tnm"):
            await world.uids()

    assert world.internet.connected == [PUBLIC]


async def test_hosts_are_those_that_the_partner_named_and_public_all_the_same(world: World) -> None:
    """A list of versions and of endpoints may name another one of its hosts, and none within a network of ours."""
    named = {"locations": world.other.url, "sessions": "https://10.0.0.1", "cdrs": "https://inside.example"}
    world.internet.names["inside.example"] = [["192.168.0.7"]]
    own_endpoints = world.peer._own_endpoints

    def endpoints(version: str) -> list[dict[str, str]]:
        return [
            {**one, "url": one["url"].replace(world.peer.url, named.get(one["identifier"], world.peer.url))}
            for one in own_endpoints(version)
        ]

    world.peer._own_endpoints = endpoints  # type: ignore[method-assign]
    found = await introduce(world.client, world.partner)
    partner = Partner("tnm", token="token-of-tnm", versions_url=world.partner.versions_url, endpoints=found.endpoints)

    async def put(module: str) -> Any:
        endpoint = partner.endpoint(module, InterfaceRole.RECEIVER)
        assert endpoint is not None
        return await world.client.send(partner, "PUT", f"{endpoint.url}/1", module=module, body=b"{}")

    for module in ("tariffs", "locations"):
        await put(module)
    for module in ("sessions", "cdrs"):
        with pytest.raises(PartnerRefused, match="not public"):
            await put(module)
    assert set(world.internet.connected) == {PUBLIC, ELSEWHERE}


async def test_a_versions_endpoint_within_a_network_of_ours_is_not_asked(world: World) -> None:
    world.peer.versions = ("2.2.1",)
    world.peer.url = "https://10.0.0.1"

    with pytest.raises(UnusableApi, match=r"10\.0\.0\.1, which is not public"):
        await introduce(world.client, world.partner)

    assert world.internet.connected == [PUBLIC]


async def test_who_has_another_certificate_does_not_get_the_token(world: World) -> None:
    """As where the name was taken over."""
    world.internet.names["partner.example"] = [[ELSEWHERE]]
    asked = []
    world.other.fault = lambda request: asked.append(request.url.path)

    with pytest.raises(PartnerFailed, match="can't be reached"):
        await world.get()

    assert (world.internet.connected, asked) == ([ELSEWHERE], [])


async def test_what_a_partner_wants_to_have_back_as_a_cookie_is_not_sent(world: World) -> None:
    """Partners whose hosts are of one domain would set it for each other."""
    cookies = []

    def setting(request: Request) -> Response:
        cookies.append(request.headers.get("cookie"))
        answer = world.peer._envelope([])
        answer.set_cookie("session", "1")
        return answer

    world.peer.fault = setting
    await world.get()
    await world.get()

    assert cookies == [None, None]


async def test_an_answer_that_is_large_once_it_is_unpacked_is_not_read_to_its_end(world: World) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    world.peer.fault = lambda request: Response(packed, 200, {"Content-Encoding": "gzip"})

    with pytest.raises(PartnerFailed, match="more than 65536 bytes"):
        await world.get()
