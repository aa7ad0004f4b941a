"""The eMSP: its endpoints, its registration, and the page of what it got."""

import html
import json
import logging
import os
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from citrine_ocpi.clock import utc_now
from citrine_ocpi.ids import new_credentials_token, new_id
from citrine_ocpi.transport.envelope import time_text

__all__ = ["EmspFailed", "SimulatedEmsp"]

NEWEST = 200
"""Requests that the page shows."""

_RECEIVERS = ("locations", "tariffs", "sessions", "cdrs", "commands", "chargingprofiles")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<title>Simulated eMSP</title><style>body{font:14px system-ui;margin:2em}td{padding:.2em .6em;vertical-align:top}
pre{margin:0;white-space:pre-wrap}</style><h1>Simulated eMSP</h1><p>%s</p><table>%s</table></html>"""

_logger = logging.getLogger(__name__)


class EmspFailed(Exception):
    """It can't register; said in one line."""


class SimulatedEmsp:
    """A partner with state in a file, so that it goes on where it stopped.

    Args:
        url: Where it is reached.
        version: Of OCPI.
        party: Its country and party.
        state_file: Has its tokens.
    """

    def __init__(self, url: str, version: str, party: str, state_file: Path) -> None:
        self._url = url
        self._version = version
        self._country_code, self._party_id = party.split("-")
        self._state_file = state_file
        self._accepted: set[str] = set()
        self._token = ""
        self._newest: deque[tuple[str, str, str, str]] = deque(maxlen=NEWEST)
        self._objects: dict[str, Any] = {}
        version_path = f"/{version}"
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/versions", self._versions),
                Route(version_path, self._details),
                Route(f"{version_path}/credentials", self._credentials, methods=_METHODS),
                Route(f"{version_path}/{{module}}/{{path:path}}", self._module, methods=_METHODS),
                Route(f"{version_path}/{{module}}", self._module, methods=_METHODS),
            ]
        )

    def resume(self) -> bool:
        """Go on with the tokens of the state file. Return False if there are none."""
        try:
            state = json.loads(self._state_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        self._token, self._accepted = state["token"], set(state["accepted"])
        return True

    async def register(self, versions_url: str, token_a: str) -> None:
        """Register at an adapter.

        Raises:
            EmspFailed: When it refuses, or can't be reached.
        """
        given = new_credentials_token()
        self._token, self._accepted = token_a, {given}
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
                versions = await self._call(client, "GET", versions_url)
                url = next(one["url"] for one in versions if one["version"] == self._version)
                endpoints = (await self._call(client, "GET", url))["endpoints"]
                credentials_url = next(one["url"] for one in endpoints if one["identifier"] == "credentials")
                found = await self._call(client, "POST", credentials_url, self._own_credentials(given))
        except (httpx2.HTTPError, StopIteration, KeyError, TypeError) as error:
            raise EmspFailed(f"can't register at {versions_url}: {error or type(error).__name__}") from error
        self._token = found["token"]
        self._store()

    async def _call(self, client: httpx2.AsyncClient, method: str, url: str, body: object = None) -> Any:
        headers = {
            "Authorization": f"Token {b64encode(self._token.encode()).decode()}",
            "X-Request-ID": new_id(),
            "X-Correlation-ID": new_id(),
        }
        answer = await client.request(method, url, headers=headers, json=body)
        envelope = answer.json()
        if envelope.get("status_code") != 1000:
            raise EmspFailed(f"{method} {url}: HTTP {answer.status_code}, {answer.text}")
        return envelope["data"]

    def _own_credentials(self, token: str) -> dict[str, Any]:
        role = {
            "role": "EMSP",
            "country_code": self._country_code,
            "party_id": self._party_id,
            "business_details": {"name": "Simulated eMSP"},
        }
        return {"token": token, "url": f"{self._url}/versions", "roles": [role]}

    def _store(self) -> None:
        temporary = self._state_file.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"token": self._token, "accepted": sorted(self._accepted)}, file)
        temporary.replace(self._state_file)

    async def _page(self, request: Request) -> Response:
        rows = "".join(
            f"<tr>{''.join(f'<td><pre>{html.escape(cell)}</pre></td>' for cell in row)}</tr>" for row in self._newest
        )
        return HTMLResponse(_PAGE % (f"{len(self._objects)} objects; the newest requests first", rows))

    def _refused(self, request: Request) -> Response | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        try:
            token = b64decode(value).decode("ascii")
        except ValueError:
            token = ""
        is_known = scheme == "Token" and token in self._accepted
        return None if is_known else _envelope(request, None, 2000, "the token is not known", 401)

    async def _versions(self, request: Request) -> Response:
        versions = [{"version": self._version, "url": f"{self._url}/{self._version}"}]
        return self._refused(request) or _envelope(request, versions)

    async def _details(self, request: Request) -> Response:
        sides = [("tokens", "SENDER"), *((one, "RECEIVER") for one in _RECEIVERS), ("credentials", "SENDER")]
        endpoints = [
            {"identifier": module, "role": role, "url": f"{self._url}/{self._version}/{module}"}
            for module, role in sides
        ]
        return self._refused(request) or _envelope(request, {"version": self._version, "endpoints": endpoints})

    async def _credentials(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        if request.method == "DELETE":
            self._accepted, self._token = set(), ""
            self._store()
            return _envelope(request, None)
        if request.method == "PUT":
            self._token = (await request.json())["token"]
            given = new_credentials_token()
            self._accepted = {given}
            self._store()
            return _envelope(request, self._own_credentials(given))
        return _envelope(request, None, 2000, "not now", 405)

    async def _module(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        module, path = request.path_params["module"], request.path_params.get("path", "").strip("/")
        body = await request.body()
        if module == "tokens":
            return self._tokens(request, path)
        place = f"{module}/{path}"
        if request.method == "GET":
            found = self._objects.get(place)
            return _envelope(request, found) if found is not None else _envelope(request, None, 2000, "unknown", 404)
        value: Any = json.loads(body) if body else None
        shown = json.dumps(value, indent=1, ensure_ascii=False)
        self._newest.appendleft((time_text(utc_now()), request.method, place, shown))
        _logger.info("received", extra={"method": request.method, "object": place, "bytes": len(body)})
        if request.method == "PATCH":
            if not self._change(place, value or {}):
                return _envelope(request, None, 2000, "unknown", 404)
        else:
            self._objects[place] = value
        headers = {"Location": f"{self._url}/{self._version}/cdrs/{value['id']}"} if module == "cdrs" else {}
        return _envelope(request, None, headers=headers)

    def _change(self, place: str, changes: Mapping[str, Any]) -> bool:
        """Change an object, or an EVSE within its location. Return False if there is none."""
        whole = self._objects.get(place)
        if whole is None:
            above, _, uid = place.rpartition("/")
            evses = (self._objects.get(above) or {}).get("evses", ())
            whole = next((one for one in evses if one["uid"] == uid), None)
        if whole is None:
            return False
        # Those of a PATCH are added.
        added = {name: [*whole.get(name, ()), *changes[name]] for name in ("charging_periods",) if name in changes}
        whole.update({**changes, **added})
        return True

    def _tokens(self, request: Request, path: str) -> Response:
        if path.endswith("/authorize"):
            self._newest.appendleft((time_text(utc_now()), request.method, f"tokens/{path}", "ALLOWED"))
            uid = path.split("/")[0]
            return _envelope(request, {"allowed": "ALLOWED", "token": self._driver(uid)})
        headers = {"X-Total-Count": "1", "X-Limit": "100"}
        return _envelope(request, [self._driver("EMSP0001")], headers=headers)

    def _driver(self, uid: str) -> dict[str, Any]:
        return {
            "country_code": self._country_code,
            "party_id": self._party_id,
            "uid": uid,
            "type": "RFID",
            "contract_id": f"{self._country_code}-{self._party_id}-C{uid[-8:].rjust(8, '0')}",
            "issuer": "Simulated eMSP",
            "valid": True,
            "whitelist": "ALLOWED",
            "last_updated": "2026-01-01T00:00:00Z",
        }


def _envelope(
    request: Request,
    data: object,
    status: int = 1000,
    message: str = "",
    http_status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    said = {"data": data, "status_code": status, "status_message": message, "timestamp": time_text(utc_now())}
    ids = {name: request.headers.get(name, "") for name in ("X-Request-ID", "X-Correlation-ID")}
    return Response(json.dumps(said), http_status, {**ids, **(headers or {})}, "application/json")
