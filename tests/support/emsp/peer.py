"""The HTTP of the eMSP: what it serves, how it registers, and what it complains about."""

import asyncio
import contextlib
import json
import re
import secrets
import time
import uuid
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.support.emsp.validation import enum_faults, faults, received_faults
from tests.support.serving import bound, serving
from tests.support.waiting import WAIT

__all__ = ["Emsp", "Received", "emsp"]

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")

SENDERS = ("tokens",)
"""Modules whose objects are the eMSP's."""
RECEIVERS = ("locations", "tariffs", "sessions", "cdrs", "hubclientinfo", "commands")
CONFIGURATION = ("versions", "credentials", "hubclientinfo")
"""Modules without routing."""


@dataclass(frozen=True)
class Received:
    """A request that the eMSP got."""

    method: str
    module: str
    path: str
    """Below the module's URL."""
    body: Any
    headers: Mapping[str, str]
    version: str
    receive_time: float = field(default_factory=time.time)


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Emsp:
    """A partner of the adapter, with state that tests read and change."""

    url: str
    country_code: str = "NL"
    party_id: str = "TNM"
    role: str = "EMSP"
    name: str = "The New Motion"
    other_parties: tuple[str, ...] = ()
    """Whom it says to be as well, as NL-TN2."""
    versions: tuple[str, ...] = ("2.2.1", "2.3.0")
    is_raw: bool = False
    """Whether it has tokens in headers as they are."""
    accepted: set[str] = field(default_factory=set)
    """Tokens by which it may be called."""
    token: str = ""
    """By which it calls the adapter."""
    arrived: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of all that it was asked, whether or not it answered."""
    received: list[Received] = field(default_factory=list)
    objects: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What was put, patched and posted, by module and path."""
    lists: dict[str, list[Any]] = field(default_factory=dict)
    """What it has to offer, by module."""
    decisions: dict[str, Any] = field(default_factory=dict)
    """AuthorizationInfo by the uid of a token: what it answers when it is asked. It does not know others."""
    complaints: list[str] = field(default_factory=list)
    """What was wrong with requests and answers. Tests want none."""
    fault: Callable[[Request], Response | None] = lambda request: None
    """What it answers instead, as a test wants it."""
    endpoints: dict[tuple[str, str], str] = field(default_factory=dict)
    """Of the adapter, by module and role."""
    partner_versions_url: str = ""
    senders: tuple[str, ...] = SENDERS
    """Modules that it offers lists of."""
    receivers: tuple[str, ...] = RECEIVERS
    """Modules that it is sent objects of."""
    hub_party_id: str = ""
    """Its party as a hub, in 2.3.0."""
    registered: dict[str, Any] = field(default_factory=dict)
    """Credentials that the adapter gave. Empty: it is not registered."""
    validate: Callable[..., list[str]] = received_faults
    """Returns what is wrong with an object that it received."""
    ahead: timedelta = timedelta(0)
    """Of other clocks."""
    answers: asyncio.Event = field(default_factory=_set_event)
    """Cleared: it does not answer."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def credentials(self, token: str, version: str = "2.2.1") -> dict[str, Any]:
        """Return its own credentials, with a token for the adapter."""
        parties = [(self.country_code, self.party_id), *(one.split("-") for one in self.other_parties)]
        roles = [
            {
                "role": self.role if place == 0 else "EMSP",
                "country_code": country_code,
                "party_id": party_id,
                "business_details": {"name": self.name},
            }
            for place, (country_code, party_id) in enumerate(parties)
        ]
        hub = {"hub_party_id": self.hub_party_id} if self.hub_party_id else {}
        return {"token": token, "url": f"{self.url}/versions", **hub, "roles": roles}

    # What it serves.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        body = await request.body()
        self.arrived.append((request.method, request.url.path))
        await self.answers.wait()
        answer = self.fault(request)
        if answer is None:
            answer = await self._answer(request, body)
        for name in ("x-request-id", "x-correlation-id"):
            answer.headers[name] = request.headers.get(name, "")
        await answer(scope, receive, send)

    async def _answer(self, request: Request, body: bytes) -> Response:
        if self._presented(request.headers.get("authorization", "")) not in self.accepted:
            return self._envelope(None, 2000, "who are you?", http_status=401)
        self._check_headers(request, body)
        parts = request.url.path.strip("/").split("/")
        match parts:
            case ["versions"]:
                return self._envelope([{"version": one, "url": f"{self.url}/{one}"} for one in self.versions])
            case [version] if version in self.versions:
                return self._envelope({"version": version, "endpoints": self._own_endpoints(version)})
            case [version, "credentials"]:
                return await self._credentials(request.method, version, body)
            case [version, _, module, *below] if version in self.versions:
                return await self._module(request, version, module, "/".join(below), body)
        return self._envelope(None, 2000, "no such endpoint", http_status=404)

    def _presented(self, header: str) -> str:
        scheme, _, value = header.partition(" ")
        if scheme != "Token":
            self.complaints.append(f"Authorization has the scheme {scheme!r}")
            return ""
        try:
            return value if self.is_raw else b64decode(value, validate=True).decode("ascii")
        except ValueError:
            return ""

    def _check_headers(self, request: Request, body: bytes) -> None:
        where = f"{request.method} {request.url.path}"
        for name in ("x-request-id", "x-correlation-id"):
            if not request.headers.get(name):
                self.complaints.append(f"{where} has no {name}")
        if body and request.headers.get("content-type") != "application/json":
            self.complaints.append(f"{where} has the content type {request.headers.get('content-type')}")
        routing = [name for name in request.headers if name.startswith("ocpi-")]
        is_routed = not any(f"/{one}" in request.url.path for one in CONFIGURATION) and request.url.path.count("/") > 1
        if is_routed and len(routing) != 4:
            self.complaints.append(f"{where} has the routing headers {routing}")
        if not is_routed and routing:
            self.complaints.append(f"{where} has routing headers")

    def _own_endpoints(self, version: str) -> list[dict[str, str]]:
        # Who sends profiles is told there what comes of them.
        sides = [("SENDER", one) for one in (*self.senders, "chargingprofiles")] + [
            ("RECEIVER", one) for one in self.receivers
        ]
        found = [
            {"identifier": module, "role": role, "url": f"{self.url}/{version}/{role.lower()}/{module}"}
            for role, module in sides
        ]
        return [*found, {"identifier": "credentials", "role": "RECEIVER", "url": f"{self.url}/{version}/credentials"}]

    async def _credentials(self, method: str, version: str, body: bytes) -> Response:
        if method == "DELETE":
            self.registered, self.accepted = {}, set()
            return self._envelope(None)
        if method == "GET":
            return self._envelope(self.credentials(next(iter(self.accepted)), version))
        if (method == "POST") is bool(self.registered):
            return self._envelope(None, 2000, "not now", http_status=405)
        said = json.loads(body)
        self._complain_about(version, "credentials", "", body)
        # The receiver asks the sender for its endpoints before it answers.
        self.partner_versions_url, self.token = said["url"], said["token"]
        await self.fetch_endpoints(version)
        token = secrets.token_hex(20)
        self.accepted = {token}
        self.registered = said
        return self._envelope(self.credentials(token, version))

    async def _module(self, request: Request, version: str, module: str, path: str, body: bytes) -> Response:
        if request.method == "GET" and module in self.lists:
            return self._list(request, version, module)
        value: Any = json.loads(body) if body else None
        self.received.append(Received(request.method, module, path, value, dict(request.headers), version))
        if module == "tokens" and request.method == "POST":
            return self._decide(request, version, path.removesuffix("/authorize"), body)
        place = (module, path)
        headers = {}
        if request.method == "GET":
            if place not in self.objects:
                return self._envelope(None, 2000, "no such object", http_status=404)
            return self._envelope(self.objects[place])
        if request.method == "PATCH":
            if not self._patch(module, path, value or {}):
                return self._envelope(None, 2000, "no such object", http_status=404)
            self._complain_about(version, module, path, body, partial=True)
        elif request.method == "POST" and module == "cdrs":
            self._complain_about(version, module, path, body)
            path = value["id"]
            headers["Location"] = f"{self.url}/{version}/receiver/cdrs/{path}"
            self.objects[module, path] = value
        elif request.method == "DELETE":
            self.objects.pop(place, None)
        else:
            self._complain_about(version, module, path, body)
            self.objects[place] = value
        async with self.changed:
            self.changed.notify_all()
        return self._envelope(None, headers=headers)

    def _decide(self, request: Request, version: str, uid: str, body: bytes) -> Response:
        found = enum_faults(request.query_params.get("type", "RFID"), "TokenType", version)
        if body:
            found += faults(json.loads(body), "LocationReferences", version)
        self.complaints += [f"tokens {uid}: {one}" for one in found]
        if uid not in self.decisions:
            return self._envelope(None, 2004, "unknown token", http_status=404)
        return self._envelope(self.decisions[uid])

    def _patch(self, module: str, path: str, changes: dict[str, Any]) -> bool:
        """Change an object, or an EVSE of a location. Return False if there is none."""
        whole, place = self.objects.get((module, path)), (module, path)
        if whole is None and module == "locations":
            above, _, uid = path.rpartition("/")
            location = self.objects.get((module, above), {})
            whole = next((one for one in location.get("evses", []) if one["uid"] == uid), None)
        if whole is None:
            return False
        if module == "sessions" and "charging_periods" in changes:
            # Those of a PATCH are added.
            added = [*whole.get("charging_periods", []), *changes["charging_periods"]]
            changes = {**changes, "charging_periods": added}
        if place in self.objects:
            self.objects[place] = {**whole, **changes}
        else:
            whole.update(changes)
        return True

    def _list(self, request: Request, version: str, module: str) -> Response:
        offset, limit = (int(request.query_params.get(name, most)) for name, most in (("offset", 0), ("limit", 2)))
        since = request.query_params.get("date_from", "")
        found = [one for one in self.lists[module] if one.get("last_updated", "") >= since]
        limit = min(limit, 2)
        headers = {"X-Total-Count": str(len(found)), "X-Limit": "2"}
        if offset + limit < len(found):
            following = f"{self.url}{request.url.path}?offset={offset + limit}&limit={limit}&date_from={since}"
            headers["Link"] = f'<{following}>; rel="next"'
        return self._envelope(found[offset : offset + limit], headers=headers)

    def _complain_about(self, version: str, module: str, path: str, body: bytes, *, partial: bool = False) -> None:
        # With the decimals as they were written.
        value = json.loads(body, parse_float=Decimal)
        found = self.validate(version, module, path, value, partial=partial)
        self.complaints += [f"{module} {path}: {one}" for one in found]

    def _envelope(
        self,
        data: Any,
        status: int = 1000,
        message: str = "",
        http_status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        content = {
            "data": data,
            "status_code": status,
            "status_message": message,
            "timestamp": (datetime.now(UTC) + self.ahead).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return Response(json.dumps(content), http_status, dict(headers or {}), "application/json")

    # What it calls.

    async def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw_body: bytes | None = None,
    ) -> httpx2.Response:
        """Return the adapter's answer to a request, after a look at what each answer must have."""
        presented = self.token if token is None else token
        sent = {
            "Authorization": f"Token {presented if self.is_raw else b64encode(presented.encode()).decode()}",
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": str(uuid.uuid4()),
            **({} if body is None and raw_body is None else {"Content-Type": "application/json"}),
            **(headers or {}),
        }
        content = raw_body if raw_body is not None else None if body is None else json.dumps(body).encode()
        # Adapters of tests speak http: to read the authorities of the machine takes longer than the call.
        async with httpx2.AsyncClient(timeout=WAIT, trust_env=False, verify=False) as client:
            answer = await client.request(method, url, headers=sent, content=content)
        self._check_answer(f"{method} {url}", sent, answer)
        return answer

    def _check_answer(self, where: str, sent: Mapping[str, str], answer: httpx2.Response) -> None:
        for name in ("X-Request-ID", "X-Correlation-ID"):
            if answer.headers.get(name) != sent[name]:
                self.complaints.append(f"the answer to {where} has another {name}")
        try:
            envelope = answer.json()
        except ValueError:
            self.complaints.append(f"the answer to {where} is no JSON")
            return
        if not isinstance(envelope.get("status_code"), int) or not 1000 <= envelope["status_code"] < 5000:
            self.complaints.append(f"the answer to {where} has the status {envelope.get('status_code')}")
        if not TIMESTAMP.fullmatch(str(envelope.get("timestamp"))):
            self.complaints.append(f"the answer to {where} has the timestamp {envelope.get('timestamp')}")
        if (answer.status_code >= 400) and envelope["status_code"] < 2000:
            self.complaints.append(f"the answer to {where} is an error and a success")

    async def get(self, url: str, **options: Any) -> Any:
        """Return the data of an answer of success."""
        answer = await self.call("GET", url, **options)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status_code"] == 1000, answer.text
        return answer.json()["data"]

    async def fetch_endpoints(self, version: str) -> None:
        """Ask the adapter for its endpoints of a version."""
        listed = await self.get(self.partner_versions_url)
        (url,) = (one["url"] for one in listed if one["version"] == version)
        details = await self.get(url)
        assert details["version"] == version
        self.endpoints = {(one["identifier"], one["role"]): one["url"] for one in details["endpoints"]}

    async def register(self, versions_url: str, token_a: str, version: str = "2.2.1") -> httpx2.Response:
        """Register at an adapter by a token A, and return its answer to the POST."""
        self.partner_versions_url, self.token = versions_url, token_a
        await self.fetch_endpoints(version)
        return await self.exchange("POST", version)

    async def exchange(self, method: str, version: str = "2.2.1") -> httpx2.Response:
        """Send credentials with a new token, and take those of the answer."""
        token = secrets.token_hex(20)
        # Until the answer is there, either may come.
        before, self.accepted = self.accepted, {*self.accepted, token}
        answer = await self.call(method, self.endpoints["credentials", "SENDER"], self.credentials(token, version))
        if answer.status_code < 300 and answer.json()["status_code"] == 1000:
            self.registered = answer.json()["data"]
            self._complain_about(version, "credentials", "", json.dumps(self.registered).encode())
            self.token, self.accepted = self.registered["token"], {token}
        else:
            self.accepted = before
        return answer

    async def wait_for(self, what: Callable[["Emsp"], Any]) -> Any:
        """Return what a function finds, once it finds something."""
        async with asyncio.timeout(WAIT), self.changed:
            while not (found := what(self)):
                await self.changed.wait()
            return found


@contextlib.asynccontextmanager
async def emsp(**values: Any) -> AsyncIterator[Emsp]:
    """Serve an eMSP for the time of a block, at whose end it has nothing to complain about."""
    opened, url = bound()
    peer = Emsp(url, **values)
    async with serving(peer, opened):
        yield peer
    assert peer.complaints == []
