"""Tests of trusted proxies: whose headers count, and what they say."""

import base64
from typing import Any
from urllib.parse import quote

import pytest
from websockets.datastructures import Headers

from citrine_edge.proxies import InvalidCertificate, Proxies
from citrine_process.settings import InvalidSetting
from tests.edge.conftest import running_edge
from tests.support.fake_core import FakeCore
from tests.support.pki import Authority

CERTIFIED = Authority.root().issue("CS1")
RFC_9440 = f":{base64.b64encode(CERTIFIED.der).decode()}:"
NGINX = quote(CERTIFIED.pem)


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3:4000", True),
        ("192.0.2.1:4000", True),
        ("192.0.2.2:4000", False),
        ("[::ffff:10.1.2.3]:4000", True),
        ("[2001:db8::9]:4000", True),
        ("[2001:db9::9]:4000", False),
        ("", False),
    ],
)
def test_addresses_and_networks_are_trusted(address: str, trusted: bool) -> None:
    assert Proxies("10.0.0.0/8, 192.0.2.1,2001:db8::/64").trusts(address) is trusted
    assert not Proxies().trusts(address)


@pytest.mark.parametrize("networks", ["10.0.0.1/8", "proxy.example.com", "300.0.0.1"])
def test_what_is_no_network_is_refused(networks: str) -> None:
    with pytest.raises(InvalidSetting, match="ocpp_proxies: "):
        Proxies(networks)


@pytest.mark.parametrize("value", [RFC_9440, NGINX, f" {NGINX} "], ids=["RFC 9440", "nginx", "blanks around"])
def test_a_forwarded_certificate_is_read_in_the_forms_that_proxies_use(value: str) -> None:
    proxies = Proxies("10.0.0.0/8", "Client-Cert")

    assert proxies.certificate(Headers({"client-cert": value})) == CERTIFIED.der


@pytest.mark.parametrize("headers", [Headers(), Headers({"Client-Cert": ""}), Headers({"X-Client-Cert": RFC_9440})])
def test_no_certificate_is_none(headers: Headers) -> None:
    assert Proxies("10.0.0.0/8", "Client-Cert").certificate(headers) is None
    assert Proxies("10.0.0.0/8").certificate(Headers({"Client-Cert": RFC_9440})) is None


@pytest.mark.parametrize(
    "headers",
    [
        Headers({"Client-Cert": ":not base64:"}),
        Headers({"Client-Cert": "whatever"}),
        Headers([("Client-Cert", RFC_9440), ("Client-Cert", RFC_9440)]),
    ],
    ids=["no base64", "no PEM", "two"],
)
def test_a_malformed_certificate_is_refused(headers: Headers) -> None:
    with pytest.raises(InvalidCertificate, match="malformed"):
        Proxies("10.0.0.0/8", "Client-Cert").certificate(headers)


@pytest.mark.parametrize(
    ("values", "tls"),
    [(["https"], True), (["wss"], True), (["http, HTTPS"], True), (["https", "http"], False), ([], False)],
)
def test_the_nearest_proxy_says_whether_tls_ends_at_it(values: list[str], tls: bool) -> None:
    assert Proxies.uses_tls(Headers([("X-Forwarded-Proto", value) for value in values])) is tls


@pytest.mark.parametrize(
    ("proxies", "headers", "profile"),
    [
        pytest.param("127.0.0.1", {"Client-Cert": RFC_9440}, 3, id="client certificate"),
        pytest.param("127.0.0.1", {"X-Forwarded-Proto": "https"}, 2, id="TLS"),
        pytest.param("127.0.0.1", {}, 1, id="neither"),
        pytest.param("192.0.2.0/24", {"Client-Cert": RFC_9440, "X-Forwarded-Proto": "https"}, 1, id="not trusted"),
    ],
)
async def test_headers_of_trusted_proxies_count_and_no_others(
    core: FakeCore, proxies: str, headers: dict[str, str], profile: int
) -> None:
    settings: dict[str, Any] = {"ocpp_proxies": proxies, "ocpp_client_certificate_header": "Client-Cert"}
    async with running_edge(core, **settings) as edge, edge.station(headers=headers):
        admit = await core.next("admit")

    assert admit.security_profile == profile
    assert admit.client_certificate.der == (CERTIFIED.der if profile == 3 else b"")


async def test_a_malformed_certificate_of_a_trusted_proxy_is_answered_401(core: FakeCore) -> None:
    settings: dict[str, Any] = {"ocpp_proxies": "127.0.0.1", "ocpp_client_certificate_header": "Client-Cert"}
    async with running_edge(core, **settings) as edge:
        response = await edge.refusal(headers={"Client-Cert": "whatever"})

    assert response.status_code == 401
