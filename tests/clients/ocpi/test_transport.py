"""What each endpoint does the same: who may call, what is answered, pages, limits, routing."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from citrine_ocpi.feed import Listener
from citrine_ocpi.models import DisplayText
from citrine_ocpi.services import Services
from citrine_ocpi.transport import InterfaceRole, Party
from citrine_ocpi.transport.addresses import AddressRefused, check_url, resolve
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.client import PartnerRefused
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.errors import UnknownLocation
from citrine_ocpi.transport.paging import next_link
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import RunningAdapter, running_adapter

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Texts:
    """A module with five texts, as a list and one by one."""

    def __init__(self, services: Services) -> None:
        self._texts = [DisplayText(language="en", text=f"text {number}") for number in range(5)]

    def endpoints(self) -> Sequence[Endpoint]:
        role = InterfaceRole.SENDER
        return [
            Endpoint("texts", role, "", {"GET": self._list}),
            Endpoint("texts", role, "{number}", {"GET": self._show, "PUT": self._put}),
        ]

    async def _list(self, call: Call) -> Reply:
        page = call.page()
        return call.reply_page(self._texts[page.offset : page.offset + page.limit], len(self._texts))

    async def _show(self, call: Call) -> Reply:
        if call.path["number"] == "bug":
            raise RuntimeError("the password is 1234")
        if not call.path["number"].isdigit():
            raise UnknownLocation("no such place")
        return Reply(self._texts[int(call.path["number"])])

    async def _put(self, call: Call) -> Reply:
        return Reply(call.model(DisplayText))

    def listeners(self) -> Sequence[Listener]:
        return ()

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return ()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def adapter(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningAdapter]:
    """An adapter with a module of its own."""
    directory: Path = tmp_path_factory.mktemp("ocpi")
    async with running_adapter(directory, modules=[Texts], ocpi_page_size=2, ocpi_max_request_bytes=2048) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partner(adapter: RunningAdapter) -> AsyncIterator[Emsp]:
    """A partner who is registered."""
    async with emsp() as peer:
        assert (await peer.register(adapter.versions_url, await adapter.invite("tnm"))).status_code == 201
        yield peer


@pytest.fixture
def url(partner: Emsp) -> str:
    """The module's URL."""
    return partner.endpoints["texts", "SENDER"]


async def test_a_list_is_read_page_by_page_along_its_links(partner: Emsp, url: str) -> None:
    seen, following = [], f"{url}?limit=2&date_from=2026-01-01T00:00:00Z"

    while following:
        answer = await partner.call("GET", following)
        seen += [one["text"] for one in answer.json()["data"]]
        assert (answer.headers["x-total-count"], answer.headers["x-limit"]) == ("5", "2")
        following = next_link(answer.headers.get("link", ""))
        assert not following or "date_from=2026-01-01T00%3A00%3A00Z" in following

    assert seen == [f"text {number}" for number in range(5)]


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=0", "offset=x", "date_from=yesterday", "date_to=2026-13-01T00:00:00Z"]
)
async def test_a_parameter_that_is_none_is_2001(partner: Emsp, url: str, query: str) -> None:
    answer = await partner.call("GET", f"{url}?{query}")

    assert (answer.status_code, answer.json()["status_code"]) == (200, 2001)


async def test_both_forms_of_a_url_are_the_same(partner: Emsp, url: str) -> None:
    assert await partner.get(f"{url}/1/") == await partner.get(f"{url}/1") == {"language": "en", "text": "text 1"}
    assert (await partner.call("GET", f"{url}/")).headers["x-total-count"] == "5"


async def test_what_a_module_refuses_has_a_status_of_ocpi_and_a_bug_says_nothing(partner: Emsp, url: str) -> None:
    refused = await partner.call("GET", f"{url}/there")
    failed = await partner.call("GET", f"{url}/bug")

    assert (refused.status_code, refused.json()["status_code"]) == (200, 2003)
    assert refused.json()["status_message"] == "no such place"
    assert failed.json()["status_code"] == 3000
    assert "1234" not in failed.text


async def test_a_body_is_json_of_the_object_and_of_a_limited_size(partner: Emsp, url: str) -> None:
    cut = await partner.call("PUT", f"{url}/1", raw_body=b'{"language": "en", "te')
    wrong = await partner.call("PUT", f"{url}/1", {"language": "english"})
    large = await partner.call("PUT", f"{url}/1", {"language": "en", "text": "x" * 3000})
    right = await partner.call("PUT", f"{url}/1", {"language": "en", "text": "x", "unknown": 1})

    assert cut.status_code == 400
    assert (wrong.status_code, wrong.json()["status_code"]) == (200, 2001)
    assert "language" in wrong.json()["status_message"]
    assert "text" in wrong.json()["status_message"]
    assert large.status_code == 413
    assert right.json()["data"] == {"language": "en", "text": "x"}


async def test_only_a_partner_learns_what_there_is(adapter: RunningAdapter, partner: Emsp, url: str) -> None:
    token_a = await adapter.invite("somebody")

    assert (await partner.call("GET", url, token="nobody")).status_code == 401
    assert (await partner.call("GET", f"{adapter.url}/ocpi/nothing", token="nobody")).status_code == 401
    assert (await partner.call("GET", url, token=token_a)).status_code == 401
    assert (await partner.call("GET", f"{adapter.url}/ocpi/nothing")).status_code == 404
    refused = await partner.call("DELETE", f"{url}/1")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, PUT")


async def test_an_answer_goes_back_to_who_asked(partner: Emsp, url: str) -> None:
    routing = {
        "OCPI-from-country-code": "nl",
        "OCPI-from-party-id": "tnm",
        "OCPI-to-country-code": "de",
        "OCPI-to-party-id": "cit",
    }

    answer = await partner.call("GET", f"{url}/1", headers=routing)
    open_routing = {name: value for name, value in routing.items() if "from" in name}
    of_open = await partner.call("GET", f"{url}/1", headers=open_routing)
    unknown = await partner.call("GET", f"{url}/1", headers={**routing, "OCPI-to-party-id": "XXX"})
    of_configuration = await partner.call("GET", partner.partner_versions_url)

    assert of_open.headers["ocpi-from-party-id"] == "CIT"
    assert {name: value for name, value in answer.headers.items() if name.startswith("ocpi-")} == {
        "ocpi-from-country-code": "DE",
        "ocpi-from-party-id": "CIT",
        "ocpi-to-country-code": "NL",
        "ocpi-to-party-id": "TNM",
    }
    assert unknown.json()["status_code"] == 4001
    assert not [name for name in of_configuration.headers if name.startswith("ocpi-")]


async def test_our_token_goes_to_hosts_of_the_partner_alone(adapter: RunningAdapter, partner: Emsp) -> None:
    found = await adapter.office.administration.get("tnm")

    async with emsp() as other:
        with pytest.raises(PartnerRefused, match="is not a host of tnm"):
            await adapter.office.client.send(found, "GET", f"{other.url}/versions", module="versions")


async def test_pages_of_a_partner_are_read_along_their_links(adapter: RunningAdapter, partner: Emsp) -> None:
    partner.lists["tokens"] = [{"uid": str(number)} for number in range(5)]
    found = await adapter.office.administration.get("tnm")
    endpoint = found.endpoint("tokens", InterfaceRole.SENDER)
    assert endpoint is not None

    pages = adapter.office.client.pages(
        found, endpoint.url, module="tokens", query={"limit": "2"}, routing=found.routing(Party("DE", "CIT"))
    )

    assert [one["uid"] async for page in pages for one in page.data] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "url",
    ["http://example.com/ocpi", "https://user:secret@example.com/", "ftp://example.com", "https://", "https://[x"],
)
async def test_a_url_that_may_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, allow_insecure=False)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "0.0.0.0", "100.64.0.1", "224.0.0.1", "localhost"),
        *("::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::a01:203"),
    ],
)
async def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        await resolve(host, 443, allow_private=False)


async def test_a_public_address_is_called() -> None:
    assert await resolve("93.184.215.14", 443, allow_private=False) == ["93.184.215.14"]
