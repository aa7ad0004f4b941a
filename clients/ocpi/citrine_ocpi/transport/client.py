"""The client's side of OCPI's HTTP: requests to partners, at checked addresses, to their own hosts, within limits."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from citrine_ocpi.clock import utc_now
from citrine_ocpi.metrics import Metrics
from citrine_ocpi.partner import Partner
from citrine_ocpi.transport.addresses import AddressRefused, check_url, resolve
from citrine_ocpi.transport.authorization import authorization_header
from citrine_ocpi.transport.envelope import Envelope, InvalidEnvelope
from citrine_ocpi.transport.paging import next_link
from citrine_ocpi.transport.routing import Routing, TraceIds
from citrine_ocpi.transport.status import Status

__all__ = ["Answer", "PartnerClient", "PartnerFailed", "PartnerRefused"]

LONGEST_RETRY_AFTER = 3600.0
"""Seconds that a partner is waited for at most, whatever its Retry-After says."""

MOST_PAGES = 100_000
"""Pages of a list: one with more links leads in a circle."""

_RETRIED = frozenset({408, 425, 429})
"""Statuses of HTTP, beside 5xx, after which the same request may succeed later."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a partner answered, where it did what was asked."""

    http_status: int
    data: Any
    """Plain JSON; numbers with a fraction are Decimal."""
    status: int = Status.SUCCESS
    message: str = ""
    timestamp: str = ""
    """When it answered, by its clock, as it wrote that."""
    headers: Mapping[str, str] = field(default_factory=httpx2.Headers)


class PartnerFailed(Exception):
    """A partner can't be reached, or is not able to answer: the same request may succeed later.

    Attributes:
        retry_after: Seconds until when it wants no request. 0: it does not say.
        is_uncertain: Whether it may have done what was asked.
        status: Of OCPI. 0: it said none.
    """

    def __init__(self, text: str, *, retry_after: float = 0.0, is_uncertain: bool = False, status: int = 0) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after
        self.is_uncertain = is_uncertain


class PartnerRefused(Exception):
    """A partner refuses, and would again.

    Attributes:
        http_status: Of HTTP. 0: it was not asked, because its URL may not be called.
        status: Of OCPI. 0: it said none.
    """

    def __init__(self, text: str, http_status: int = 0, status: int = 0) -> None:
        super().__init__(text)
        self.http_status = http_status
        self.status = status


@cache
def _authorities() -> ssl.SSLContext:
    """Return what verifies by the authorities of this machine, which takes longer to read than a call does."""
    return httpx2.create_ssl_context(trust_env=False)


class _CheckedTransport(httpx2.AsyncBaseTransport):
    """Connects to the addresses that were checked, and to none that the name has a moment later.

    Each name has connections of its own: several may be at one address, and a connection is good for the name alone
    that the certificate was verified for.
    """

    def __init__(self, *, allow_private: bool, verify: ssl.SSLContext | bool) -> None:
        self._allow_private = allow_private
        self._verify = verify
        self._transports: dict[tuple[str, str, int], httpx2.AsyncHTTPTransport] = {}
        """By scheme, name and port: those of partners, which are few."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        transport = self._transport(request.url.scheme, host.lower(), port)
        failure: httpx2.ConnectError | httpx2.ConnectTimeout | None = None
        for address in await resolve(host, port, allow_private=self._allow_private):
            checked = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                # With the header Host of the URL as it was.
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await transport.handle_async_request(checked)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    def _transport(self, scheme: str, host: str, port: int) -> httpx2.AsyncHTTPTransport:
        known = self._transports.get((scheme, host, port))
        if known is None:
            known = self._transports[scheme, host, port] = httpx2.AsyncHTTPTransport(
                verify=_authorities() if self._verify is True else self._verify,
                trust_env=False,
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=30),
            )
        return known

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()


class PartnerClient:
    """Calls partners. It is shared by all of them, and closed by `close`.

    Args:
        metrics: What is counted.
        timeout: Seconds that a partner may take to answer.
        allow_insecure: Whether http and private addresses are called.
        largest_answer: Bytes of an answer.
        verify: What certificates of partners are verified with. True: the authorities of this machine.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        timeout: float = 20.0,
        allow_insecure: bool = False,
        largest_answer: int = 4 * 1024 * 1024,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._metrics = metrics
        self._timeout = timeout
        self._allow_insecure = allow_insecure
        self._largest_answer = largest_answer
        self._http = httpx2.AsyncClient(
            transport=_CheckedTransport(allow_private=allow_insecure, verify=verify),
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0)),
            # What one partner wants to have back would go to others, whose hosts are of the same domain.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def send(
        self,
        partner: Partner,
        method: str,
        url: str,
        *,
        module: str,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
        routing: Routing | None = None,
        trace: TraceIds | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Return the answer of a partner to a request, where its status is one of success.

        Args:
            partner: Who is called, with its token.
            method: Of HTTP.
            url: Of the endpoint, on a host of the partner.
            module: What is counted as.
            body: JSON.
            query: Parameters.
            routing: Who it is from and for. None: it belongs to no party.
            trace: Ids of the request. None: new ones.
            timeout: Seconds that the partner may take. None: as all have.

        Raises:
            PartnerFailed: When it can't be reached, or can't answer now.
            PartnerRefused: When it refuses, or its URL may not be called.
        """
        trace = trace or TraceIds()
        # On another host, our token would be read by somebody else.
        headers = {
            "Accept": "application/json",
            "Authorization": authorization_header(partner.token, is_raw=partner.is_raw),
            **trace.headers(),
            **(routing.headers() if routing else {}),
            **({} if body is None else {"Content-Type": "application/json"}),
        }
        whole = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url
        began = time.monotonic()
        outcome = "failed"
        try:
            self.check(partner, url)
            async with asyncio.timeout(timeout or self._timeout):
                answer = await self._exchange(method, whole, headers, body)
            outcome = "done"
            return answer
        except PartnerRefused:
            outcome = "refused"
            raise
        except TimeoutError:
            raise PartnerFailed("no answer in time", is_uncertain=True) from None
        finally:
            self._metrics.calls.labels(module, method, outcome).inc()
            self._metrics.call_seconds.labels(module).observe(time.monotonic() - began)
            _logger.debug(
                "called a partner",
                extra={"partner": partner.partner_id, "method": method, "url": url, "outcome": outcome, **vars(trace)},
            )

    async def pages(
        self,
        partner: Partner,
        url: str,
        *,
        module: str,
        query: Mapping[str, str] | None = None,
        routing: Routing | None = None,
    ) -> AsyncIterator[Answer]:
        """Yield the pages of a list of a partner.

        Raises:
            PartnerFailed: When it can't be reached, or can't answer now.
            PartnerRefused: When it refuses, or a link leads to another host.
        """
        seen: set[str] = set()
        trace = TraceIds()
        while url and url not in seen and len(seen) < MOST_PAGES:
            seen.add(url)
            answer = await self.send(
                partner,
                "GET",
                url,
                module=module,
                query=query,
                routing=routing,
                trace=TraceIds(correlation_id=trace.correlation_id),
            )
            yield answer
            # The link has the parameters.
            url, query = next_link(answer.headers.get("link", "")), None

    def check(self, partner: Partner, url: str) -> None:
        """Refuse a URL that is not on a host of the partner.

        Raises:
            PartnerRefused: When it is not, or has no https.
        """
        try:
            host, port = check_url(url, allow_insecure=self._allow_insecure)
        except AddressRefused as error:
            raise PartnerRefused(str(error)) from None
        known = {_origin(one) for one in (partner.versions_url, *(endpoint.url for endpoint in partner.endpoints))}
        if (host, port) not in known:
            raise PartnerRefused(f"{host} is not a host of {partner.partner_id}")

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        try:
            async with self._http.stream(method, url, headers=headers, content=body) as response:
                content = await self._read(response)
        except (AddressRefused, httpx2.InvalidURL) as error:
            raise PartnerRefused(str(error)) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise PartnerFailed(f"it can't be reached: {error}") from None
        except httpx2.TimeoutException:
            raise PartnerFailed("no answer in time", is_uncertain=True) from None
        except httpx2.HTTPError as error:
            raise PartnerFailed(f"its answer can't be read: {error}", is_uncertain=True) from None
        return _answer(response, content)

    async def _read(self, response: httpx2.Response) -> bytes:
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self._largest_answer:
                raise PartnerFailed(f"its answer has more than {self._largest_answer} bytes", is_uncertain=True)
            parts.append(part)
        return b"".join(parts)


def _origin(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _answer(response: httpx2.Response, content: bytes) -> Answer:
    """Return an answer of success, or raise what it says."""
    code = response.status_code
    try:
        envelope = Envelope.parse(content)
    except InvalidEnvelope as error:
        if code >= 500 or code in _RETRIED:
            raise PartnerFailed(f"HTTP {code}", retry_after=_retry_after(response), is_uncertain=code >= 500) from None
        if not 200 <= code < 300:
            raise PartnerRefused(f"HTTP {code}", code) from None
        raise PartnerFailed(str(error), is_uncertain=True) from None
    said = f"HTTP {code}, {envelope.status} {envelope.message}".strip()
    is_of_receiver = envelope.status in Status.of_receivers()
    if code >= 500 or code in _RETRIED or is_of_receiver or (200 <= code < 300 and envelope.status >= 3000):
        raise PartnerFailed(said, retry_after=_retry_after(response), status=envelope.status)
    if not 200 <= code < 300 or not Status.is_success(envelope.status):
        raise PartnerRefused(said, code, envelope.status)
    return Answer(code, envelope.data, envelope.status, envelope.message, envelope.timestamp, response.headers)


def _retry_after(response: httpx2.Response) -> float:
    """Return the seconds of a header Retry-After, in either form. 0: there is none."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        try:
            seconds = (parsedate_to_datetime(text) - utc_now()).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
