"""Before any handler: who may talk to us, and the security headers of every answer. Plain ASGI, nothing bypasses it."""

from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; worker-src 'self'; font-src 'self'; "
    "connect-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), usb=(), serial=(), bluetooth=()"),
)
READING = ("GET", "HEAD", "OPTIONS")
OWN_SITE = ("", "same-origin", "none")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def host_name(host: str) -> str:
    """The name of a Host header without its port: ``[::1]:8000`` → ``::1``. Empty for nonsense."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def allowed_names(*bound_to: str) -> frozenset[str] | None:
    """Names a Host header may have. None: any, because an unspecified address answers to every name."""
    names: set[str] = set()
    for name in bound_to:
        try:
            address = ip_address(name)
        except ValueError:
            loopback = name.lower() in LOOPBACK_NAMES
        else:
            if address.is_unspecified:
                return None
            loopback = address.is_loopback
        if not name:
            return None
        names |= {name.lower(), *(LOOPBACK_NAMES if loopback else ())}
    return frozenset(names)


def _header(scope: Message, name: bytes) -> str:
    # one that is given twice must not pass for one that is missing: joined it matches nothing
    return b", ".join(value for key, value in scope["headers"] if key == name).decode("latin-1")


def same_origin(origin: str, host: str) -> bool:
    """True where a browser's Origin header names the host it talks to. Programs send none, and may."""
    if not origin:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def guarded(app: App, names: frozenset[str] | None) -> App:
    """``app`` behind the check of Host (against DNS rebinding) and Origin, with the headers on every answer."""

    async def guard(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        host = _header(scope, b"host")
        foreign = names is not None and host_name(host) not in names
        if scope["type"] == "websocket":
            if foreign or not same_origin(_header(scope, b"origin"), host):
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
            await app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                extra = [(n, v) for n, v in SECURITY_HEADERS if n not in given]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        if foreign:
            body = b"lowsky does not answer to this host name; start it with --host to change that\n"
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
            await with_headers({"type": "http.response.start", "status": 421, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        if scope["method"] not in READING and not _may_change(scope, host):
            body = b'{"detail":"only lowsky\'s own page, or a program, may change anything here"}'
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await with_headers({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await app(scope, receive, with_headers)

    return guard


def _may_change(scope: Message, host: str) -> bool:
    """Not what another site makes a browser send: browsers say who does, in Origin, in Sec-Fetch-Site, or both."""
    return same_origin(_header(scope, b"origin"), host) and _header(scope, b"sec-fetch-site") in OWN_SITE
