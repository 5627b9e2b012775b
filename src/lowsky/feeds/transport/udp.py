"""Datagrams: unicast, and multicast of IPv4 (224.0.0.0/4) and IPv6 (ff00::/8).

Nothing is queued by us: the kernel's receive buffer is the queue, large and bounded, and it counts what it drops.
"""

import asyncio
import contextlib
import ipaddress
import socket
import struct
import sys
from collections.abc import AsyncIterator

from lowsky.feeds.transport.link import Link, explained
from lowsky.feeds.transport.source import Source
from lowsky.model.ports import Clock, Frame

RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024  # asked for; the kernel gives what net.core.rmem_max allows
MAX_DATAGRAM_BYTES = 65_535
BURST = 64  # datagrams read before others get their turn
REJOIN_AFTER_S = 30.0  # a group silent so long is joined anew: an interface that went and came forgets it
SO_RXQ_OVFL = 40  # Linux, include/uapi/asm-generic/socket.h: count of dropped datagrams with each message


def open_socket(source: Source) -> socket.socket:
    """A bound, non-blocking socket, member of the group where HOST is one. Raises ``TransportError``."""
    try:
        family, address = _resolved(source)
        opened = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise explained(f"cannot listen on {source}", error) from error
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        if sys.platform == "linux":
            opened.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
        if source.is_multicast:
            # several programs may hear one group; for unicast the second would silently take the first one's data
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        if source.is_multicast:
            join(opened, source)
    except OSError as error:
        opened.close()
        raise explained(f"cannot listen on {source}", error) from error
    return opened


def _resolved(source: Source) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    """What to bind. HOST is an address (or localhost), so nobody waits for a name server."""
    if ":" in source.host:  # groups of ff01:: and ff02:: exist once on each interface
        index = socket.if_nametoindex(source.interface) if source.interface else 0
        return socket.AF_INET6, (source.host, source.port, 0, index)
    return socket.AF_INET, ("127.0.0.1" if source.host == "localhost" else source.host, source.port)


def _membership(source: Source) -> tuple[int, int, int, bytes]:
    """Level, join, leave and value of the socket option."""
    group = ipaddress.ip_address(source.host)
    if group.version == 4:
        local = source.interface or "0.0.0.0"
        return (
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            socket.IP_DROP_MEMBERSHIP,
            group.packed + socket.inet_aton(local),
        )
    index = socket.if_nametoindex(source.interface) if source.interface else 0
    value = group.packed + struct.pack("@I", index)
    return socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.IPV6_LEAVE_GROUP, value


def join(opened: socket.socket, source: Source) -> None:
    level, add, _, value = _membership(source)
    opened.setsockopt(level, add, value)


def rejoin(opened: socket.socket, source: Source) -> None:
    """Leave and join again. Raises ``TransportError`` where the interface is gone."""
    try:
        level, add, leave, value = _membership(source)
        with contextlib.suppress(OSError):  # the kernel has forgotten us already: that is what we are here for
            opened.setsockopt(level, leave, value)
        opened.setsockopt(level, add, value)
    except OSError as error:
        raise explained(f"cannot join {source} again", error) from error


class UdpTransport:
    """Frames of one UDP port."""

    def __init__(self, source: Source, clock: Clock, link: Link) -> None:
        self._source, self._clock, self._link = source, clock, link
        self._dropped = 0

    async def frames(self) -> AsyncIterator[Frame]:
        opened = open_socket(self._source)
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(opened, readable.set)
        try:
            self._link.up()
            while True:
                await self._wait(readable, opened)
                for _ in range(BURST):
                    frame = self._read(opened)
                    if frame is None:
                        readable.clear()
                        break
                    yield frame
                await asyncio.sleep(0)
        finally:
            loop.remove_reader(opened)
            opened.close()

    async def _wait(self, readable: asyncio.Event, opened: socket.socket) -> None:
        if not self._source.is_multicast:
            await readable.wait()
            return
        while True:
            try:
                await asyncio.wait_for(readable.wait(), REJOIN_AFTER_S)
            except TimeoutError:
                rejoin(opened, self._source)
            else:
                return

    def _read(self, opened: socket.socket) -> Frame | None:
        """One datagram, or None where there is none left. Raises ``TransportError``."""
        try:
            payload, extras, _, peer = opened.recvmsg(MAX_DATAGRAM_BYTES, 64)
        except (BlockingIOError, InterruptedError):
            return None
        except ConnectionRefusedError:
            return None  # an ICMP answer to nothing we sent
        except OSError as error:
            raise explained(f"lost {self._source}", error) from error
        for level, kind, value in extras:
            if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL and len(value) >= 4:
                self._count_drops(struct.unpack("@I", value[:4])[0])
        return Frame(self._clock.now_ns(), payload, f"{peer[0]}:{peer[1]}")

    def _count_drops(self, total: int) -> None:
        more = (total - self._dropped) & 0xFFFFFFFF
        self._dropped = total
        if more:
            self._link.lost_in_kernel(more)
