"""One POST to one receiver: bounded in time and size, no redirects, certificates always checked."""

import http.client
import socket
import ssl
import threading
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from lowsky.outputs.sender import Undelivered

MOST_ANSWERED = 65_536  # bytes of an answer that are read; nobody looks at them
SAID = 120  # characters of an answer's reason that are passed on
TRY_LATER = (408, 425, 429)
"""Answers 4xx that are not about this message."""
NOT_ABOUT_IT = (401, 403, 404, 405, 407, 421)
"""… nor these: credentials or an address are wrong, and what comes next fails as well."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to, and with which trust. ``timeout_s`` is for everything together, from connecting to the answer."""

    url: str
    timeout_s: float
    tls: ssl.SSLContext | None  # None: plain http

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def shown(self) -> str:
        """Without path and query, which may hold a token."""
        host = self.parts.hostname or ""
        return f"{self.parts.scheme}://{f'[{host}]' if ':' in host else host}{_port(self.parts)}"


def _port(parts: SplitResult) -> str:
    return f":{parts.port}" if parts.port else ""


def url_fault(url: str) -> tuple[str, str] | None:
    """What is wrong with an address, and what would be right. Never shows a password."""
    right = "an address as https://host:port/path"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return str(error), right
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or not url.isprintable():
        return "no such address" if "@" in url else repr(url[:60]), right
    if parts.username is not None or parts.password is not None:
        return "a name or password in an address", "none; secrets are in files or the environment"
    if " " in url or parts.fragment or port == 0:
        return repr(url[:60]), right
    return None


def tls_context(ca_file: str | None, cert_file: str | None = None, key_file: str | None = None) -> ssl.SSLContext:
    """Trusts the system's authorities, or only those of ``ca_file``. ``OSError`` where a file is no such thing, or a
    key wants a password, which would else be asked for on a terminal."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert_file is not None:
        context.load_cert_chain(cert_file, key_file, password=lambda: "")
    return context


def post(receiver: Receiver, body: bytes, headers: dict[str, str]) -> None:
    """Returns when the receiver has answered 2xx. Raises ``Undelivered``."""
    parts = receiver.parts
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        raw = socket.create_connection((host, port), timeout=receiver.timeout_s)
    except OSError as error:
        raise Undelivered(f"{receiver.shown}: {why(error)}", may_have_arrived=False) from None
    is_over = threading.Event()
    over = threading.Timer(receiver.timeout_s, _cut, (raw, is_over))
    over.daemon = True
    over.start()
    connection = http.client.HTTPConnection(host, port, timeout=receiver.timeout_s)
    try:
        try:
            connection.sock = receiver.tls.wrap_socket(raw, server_hostname=host) if receiver.tls is not None else raw
        except (OSError, ValueError) as error:
            raise Undelivered(f"{receiver.shown}: {why(error)}", may_have_arrived=False) from None
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {**headers, "connection": "close"})
        answer = connection.getresponse()
        answer.read(MOST_ANSWERED)
        if is_over.is_set():  # what was cut off looks like an end
            raise TimeoutError
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = f"no answer within {receiver.timeout_s:g} s" if is_over.is_set() else why(error)
        raise Undelivered(f"{receiver.shown}: {said}") from None
    finally:
        over.cancel()
        connection.close()
        raw.close()
    _judge(receiver, answer.status, answer.reason)


def _judge(receiver: Receiver, status: int, reason: str) -> None:
    if 200 <= status < 300:
        return
    said = "".join(c if c.isprintable() else "?" for c in reason[:SAID])
    if 300 <= status < 400:
        raise Undelivered(f"{receiver.shown}: answers {status}, a redirect, which is not followed")
    about_it = 400 <= status < 500 and status not in TRY_LATER + NOT_ABOUT_IT
    raise Undelivered(f"{receiver.shown}: answers {status} {said}".rstrip(), is_refused=about_it)


def _cut(raw: socket.socket, is_over: threading.Event) -> None:
    """The time is up: whoever waits on this socket gets an error, or what looks like an end."""
    is_over.set()
    try:
        raw.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def why(error: Exception) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error) or type(error).__name__
    return "nonsense instead of an HTTP answer" if isinstance(error, http.client.HTTPException) else text[:SAID]
