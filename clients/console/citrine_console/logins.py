"""Log-in by API key, and by the link that `citrine up` prints; log-out."""

import contextlib
import hmac
import json
import logging
from pathlib import Path
from typing import Any

import grpc
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from citrine_console.errors import LoggedOut, problem_of
from citrine_console.oidc import Provider, ProviderFailed
from citrine_console.sessions import Credential
from citrine_console.site import Site
from citrine_console.texts import _
from citrine_process.addresses import is_loopback

__all__ = ["Logins"]

CALLBACK = "/login/oidc/callback"
"""Path to which an OpenID Connect provider sends browsers back."""

LOGIN_COOKIE = "citrine_login"
"""Cookie of a browser that is at the provider to log in."""

MAX_FORM = 16 * 1024
"""Bytes of a log-in."""

_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers that proxies add: who asks is somewhere else then, though the connection is from this machine."""

_logger = logging.getLogger(__name__)


class Logins:
    """The routes of log-in and log-out.

    Args:
        site: The console.
        login_file: Has the key that the link of `citrine up` logs in with. None: there is no such link.
        provider: OpenID Connect provider by which people log in, too. None: there is none.
        is_public: Whether browsers come by a public URL, that of a proxy: the link logs nobody in then.
    """

    def __init__(
        self, site: Site, login_file: Path | None, provider: Provider | None, *, is_public: bool = False
    ) -> None:
        self._site = site
        self._login_file = login_file
        self._provider = provider
        self._is_public = is_public

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/login", self._show, methods=["GET"]),
            Route("/login", self._log_in, methods=["POST"]),
            Route("/login/link", self._by_link, methods=["GET"]),
            Route("/login/oidc", self._to_provider, methods=["GET"]),
            Route(CALLBACK, self._from_provider, methods=["GET"]),
            Route("/logout", self._log_out, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        try:
            await self._site.session(request)
        except LoggedOut:
            return self._form(request, "")
        return RedirectResponse(_own_path(request.query_params.get("next", "")), status_code=303)

    async def _log_in(self, request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=10, max_part_size=MAX_FORM)
        key, tenant, after = (str(form.get(name, "")).strip() for name in ("key", "tenant", "next"))
        if not key:
            return self._form(request, _("Enter an API key."), tenant, after=after)
        try:
            return await self._begin(Credential(key, tenant), after)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                return self._form(request, _("This key is not valid."), tenant, 401, after)
            problem = problem_of(error)
            return self._form(request, f"{problem.title}: {problem.text}", tenant, problem.status, after)
        except ValueError:
            # gRPC refuses to send it.
            return self._form(request, _("This key is not valid."), tenant, 401, after)

    async def _by_link(self, request: Request) -> Response:
        found = self._link()
        secret = request.query_params.get("secret", "")
        # Who may read the file may do all that the key may; the link is for the browser of the same machine.
        if (
            found is None
            or not self._is_of_this_machine(request)
            or not hmac.compare_digest(secret.encode(), found["secret"].encode())
        ):
            return self._form(request, _("This link is not valid any more. Log in with a key."), status=401)
        return await self._begin(
            Credential(found["key"], found.get("tenant", "")), request.query_params.get("next", "")
        )

    def _is_of_this_machine(self, request: Request) -> bool:
        """Return whether a browser of this machine asks, and no proxy on it for anybody."""
        if self._is_public or any(name in request.headers for name in _OF_PROXIES):
            return False
        # What a proxy is asked for is no name of this machine, which its browsers have from the link.
        return (
            request.client is not None and is_loopback(request.client.host) and is_loopback(request.url.hostname or "")
        )

    async def _to_provider(self, request: Request) -> Response:
        if self._provider is None:
            return self._form(request, "", status=404)
        try:
            url, cookie = await self._provider.begin(_own_path(request.query_params.get("next", "")))
        except ProviderFailed as error:
            return self._provider_failed(request, error)
        response = RedirectResponse(url, status_code=303)
        # The provider's answer is a request of another site, with which browsers send no stricter cookie.
        response.set_cookie(
            LOGIN_COOKIE, cookie, max_age=600, httponly=True, samesite="lax", secure=self._site.is_secure, path="/login"
        )
        return response

    async def _from_provider(self, request: Request) -> Response:
        query = request.query_params
        if self._provider is None or "code" not in query:
            said = query.get("error_description") or query.get("error") or ""
            return self._form(request, _("The provider did not log you in. {reason}").format(reason=said), status=401)
        try:
            cookie = request.cookies.get(LOGIN_COOKIE, "")
            login, after = await self._provider.finish(query.get("state", ""), query["code"], cookie)
        except ProviderFailed as error:
            return self._provider_failed(request, error)
        try:
            response = await self._begin(Credential("", "", login), after)
        except grpc.aio.AioRpcError as error:
            problem = problem_of(error)
            return self._form(request, f"{problem.title}: {problem.text}", status=problem.status)
        login.start()
        response.delete_cookie(LOGIN_COOKIE, path="/login")
        return response

    def _provider_failed(self, request: Request, error: ProviderFailed) -> Response:
        _logger.warning("a log-in by the provider failed", extra={"problem": str(error)})
        return self._form(request, _("You could not be logged in by the provider. Try again."), status=502)

    def _link(self) -> dict[str, Any] | None:
        if self._login_file is None:
            return None
        try:
            found = json.loads(self._login_file.read_text(encoding="utf-8"))
            return found if found["secret"] and found["key"] else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _logger.warning("the log-in file can't be used", extra={"problem": str(error)})
            return None

    async def _begin(self, credential: Credential, after: str) -> Response:
        _session, cookie = await self._site.sessions.log_in(credential)
        response = RedirectResponse(_own_path(after), status_code=303)
        self._site.set_cookie(response, cookie)
        return response

    async def _log_out(self, request: Request) -> Response:
        with contextlib.suppress(LoggedOut):
            await self._site.sessions.log_out(await self._site.session(request))
        response = RedirectResponse("/login", status_code=303)
        self._site.delete_cookie(response)
        return response

    def _form(self, request: Request, problem: str, tenant: str = "", status: int = 200, after: str = "") -> Response:
        after = _own_path(after or request.query_params.get("next", ""))
        html = self._site.renderer.render(
            "login.html", problem=problem, tenant=tenant, after=after, has_provider=self._provider is not None
        )
        return HTMLResponse(html, status_code=status)


def _own_path(path: str) -> str:
    """Return a path of this site; what leads elsewhere becomes the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\", "/login")) else "/"
