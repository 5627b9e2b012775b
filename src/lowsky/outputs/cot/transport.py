"""Bytes to a TAK server or to everybody on the network. Nobody acknowledges CoT: "sent" is "handed to the network".

A connection that broke is found out before the next message by reading: what servers send us is thrown away, but that
they hung up is noticed. Each call ends within its timeout; nothing is queued here.
"""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

from lowsky.clock import monotonic_s
from lowsky.outputs.http import why
from lowsky.outputs.sender import Undelivered

SCHEMES = ("udp", "tcp", "tls")
MOST_READ = 4 << 20  # bytes thrown away at a time
SETTLES_S = 0.5  # TLS 1.3: a server that does not like our certificate says so only after we believe to be connected


@dataclass(frozen=True, slots=True)
class Address:
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def is_multicast(self) -> bool:
        try:
            return ip_address(self.host).is_multicast
        except ValueError:  # a name
            return False


def read_address(text: str) -> Address:
    """Of "tls://tak.example:8089". Raises ``ValueError``."""
    parts = urlsplit(text)
    is_bare = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in SCHEMES or not parts.hostname or not parts.port or not is_bare or not text.isprintable():
        raise ValueError("udp://host:port, tcp://host:port or tls://host:port")
    return Address(parts.scheme, parts.hostname, parts.port)


class Transport(Protocol):
    def tend(self) -> None:
        """Be connected. Raises ``Undelivered``."""
        ...

    def send(self, messages: Sequence[bytes]) -> None:
        """All of them. Raises ``Undelivered``."""
        ...

    def close(self) -> None: ...


class Datagrams:
    """One message, one datagram; to one receiver or to a group."""

    def __init__(self, address: Address, ttl: int, interface: str | None) -> None:
        self._address, self._ttl, self._interface = address, ttl, interface
        self._socket: socket.socket | None = None

    def tend(self) -> None:
        if self._socket is not None:
            return
        try:
            self._socket = self._opened()
        except OSError as error:
            raise Undelivered(f"{self._address}: {why(error)}", may_have_arrived=False) from None

    def _opened(self) -> socket.socket:
        address = self._address
        family, kind, protocol, _, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        opened = socket.socket(family, kind, protocol)
        try:
            if address.is_multicast and family == socket.AF_INET:
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, self._ttl)
                if self._interface is not None:
                    own = socket.inet_aton(self._interface)
                    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
            elif address.is_multicast:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, self._ttl)
            opened.connect(target)
        except OSError:
            opened.close()
            raise
        return opened

    def send(self, messages: Sequence[bytes]) -> None:
        self.tend()
        for message in messages:
            try:
                if self._socket is not None:
                    self._socket.send(message)
            except OSError as error:
                self.close()
                raise Undelivered(f"{self._address}: {why(error)}") from None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Stream:
    """One connection, with TLS where there is a context; opened again whenever it was lost."""

    def __init__(self, address: Address, timeout_s: float, tls: ssl.SSLContext | None, server_name: str | None) -> None:
        self._address, self._timeout_s, self._tls, self._name = address, timeout_s, tls, server_name
        self._socket: socket.socket | None = None

    def tend(self) -> None:
        if self._socket is not None and self._has_hung_up(self._socket):
            self.close()
        if self._socket is None:
            self._socket = self._connected()

    def send(self, messages: Sequence[bytes]) -> None:
        self.tend()
        if self._socket is None:
            return
        body = b"".join(messages)
        until_s, at = monotonic_s() + self._timeout_s, 0
        try:
            while at < len(body):
                left_s = until_s - monotonic_s()
                if left_s <= 0.0:
                    raise TimeoutError
                self._socket.settimeout(left_s)
                at += self._socket.send(body[at : at + 65_536])
        except OSError as error:
            self.close()
            raise Undelivered(f"{self._address}: {why(error)}") from None

    def _connected(self) -> socket.socket:
        address = self._address
        try:
            raw = socket.create_connection((address.host, address.port), timeout=self._timeout_s)
        except OSError as error:
            raise Undelivered(f"{address}: {why(error)}", may_have_arrived=False) from None
        try:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return raw
            raw = self._tls.wrap_socket(raw, server_hostname=self._name or address.host)
            _settle(raw)
        except (OSError, ValueError) as error:
            raw.close()
            raise Undelivered(f"{address}: {why(error)}", may_have_arrived=False) from None
        return raw

    @staticmethod
    def _has_hung_up(connection: socket.socket) -> bool:
        """What has been sent to us is read and forgotten."""
        connection.settimeout(0.0)
        try:
            for _ in range(MOST_READ // 65_536):
                if not connection.recv(65_536):
                    return True
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return False

    def close(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):
                connection.close()


def _settle(connection: socket.socket) -> None:
    """Raises ``OSError`` where the other side ends what has just begun."""
    connection.settimeout(SETTLES_S)
    try:
        if not connection.recv(65_536):
            raise ConnectionResetError(0, "hangs up at once; does it know our certificate?")
    except TimeoutError:
        return
