"""What protects browsers: headers that forbid foreign content, and the refusal of requests that other sites make."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

__all__ = ["Protection"]

OWN = "X-Console"
"""Header of all answers of the console."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Protection:
    """ASGI middleware around the whole console.

    A request that changes something, and each websocket, must come from a page of the console itself: browsers say so
    by `Sec-Fetch-Site` or `Origin`. With cookies that are SameSite=Lax that is two independent barriers.

    Args:
        app: The console.
        public_url: Where browsers reach it. Empty: at the host that they name.
        tiles_origin: Where map tiles may come from. Empty: from nowhere.
    """

    def __init__(self, app: ASGIApp, public_url: str = "", tiles_origin: str = "") -> None:
        self._app = app
        self._public_host = urlsplit(public_url).netloc
        self._is_secure = public_url.startswith("https:")
        self._policy = _policy(tiles_origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request with the headers of its answer, or refuse it."""
        if scope["type"] == "websocket":
            if not self._is_own(Headers(scope=scope), must_say=True):
                await WebSocket(scope, receive, send).close(1008)
                return
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        if scope["method"] not in _SAFE and not self._is_own(Headers(scope=scope), must_say=True):
            refusal = PlainTextResponse("This request does not come from a page of this console.\n", status_code=403)
            await refusal(scope, receive, send_protected)
            return
        await self._app(scope, receive, send_protected)

    def _is_own(self, headers: Headers, *, must_say: bool) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            return urlsplit(origin).netloc == (self._public_host or headers.get("host", ""))
        site = headers.get("sec-fetch-site")
        return site == "same-origin" if site is not None else not must_say

    def _add_headers(self, headers: MutableHeaders, path: str) -> None:
        # By this a page of ours knows that the console answered, and no proxy in its place.
        headers[OWN] = "1"
        headers.setdefault("Content-Security-Policy", self._policy)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        # Scripts name each other without a version: browsers ask whether theirs is the newest.
        headers.setdefault("Cache-Control", "no-cache" if path.startswith("/static/") else "no-store")
        if self._is_secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"


def _policy(tiles_origin: str) -> str:
    images: Iterable[str] = filter(None, ("'self'", tiles_origin))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {' '.join(images)}",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
