"""Byte streams over TCP: as client, or as server for senders that connect to us."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator

from lowsky.clock import monotonic_s
from lowsky.errors import TransportError
from lowsky.feeds.transport.link import Link, explained
from lowsky.feeds.transport.source import Source
from lowsky.feeds.transport.stream import Splitter
from lowsky.model.ports import Clock, Cut, Frame

CONNECT_TIMEOUT_S = 10.0
READ_BYTES = 65_536
SILENT_S = 30.0  # a sender without a whole message for so long gives its place to a new one, if all are taken
WAITING_FRAMES = 64  # of all senders of a server together; a sender that is faster than we are is made to wait


def keep_alive(opened: socket.socket) -> None:
    """Notice within about 25 s that the other side is gone without a word (cable, power)."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


async def cut_frames(
    reader: asyncio.StreamReader, cut: Cut, clock: Clock, link: Link, peer: str
) -> AsyncIterator[Frame]:
    """Frames of one connection until it ends. What is left of a message then is dropped and counted.

    Raises ``OSError`` where the connection was reset.
    """
    splitter, fault = Splitter(cut), None
    try:
        while received := await reader.read(READ_BYTES):
            whole, dropped = splitter.feed(received)
            if dropped:
                link.overrun(dropped)
            if whole:
                yield Frame(clock.now_ns(), whole, peer)
            await asyncio.sleep(0)  # a sender that never pauses leaves the others their turn
    except OSError as error:
        fault = error
    if splitter.left:
        link.overrun(splitter.rest())
    if fault is not None:
        raise fault


def _peer(writer: asyncio.StreamWriter) -> str:
    name = writer.get_extra_info("peername")
    return f"{name[0]}:{name[1]}" if name else ""


class TcpClient:
    """Frames of a server we connect to."""

    def __init__(self, source: Source, cut: Cut, clock: Clock, link: Link) -> None:
        self._source, self._cut, self._clock, self._link = source, cut, clock, link

    async def frames(self) -> AsyncIterator[Frame]:
        source = self._source
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(source.host, source.port)
        except TimeoutError as error:
            raise TransportError(f"cannot reach {source}: no answer within {CONNECT_TIMEOUT_S:g} s") from error
        except OSError as error:
            raise explained(f"cannot reach {source}", error) from error
        try:
            keep_alive(writer.get_extra_info("socket"))
            self._link.up()
            async for frame in cut_frames(reader, self._cut, self._clock, self._link, str(source)):
                yield frame
        except OSError as error:
            raise explained(f"lost {source}", error) from error
        finally:
            writer.close()
        raise TransportError(f"lost {source}: the other side closed the connection")


class TcpServer:
    """Frames of all senders that connect to us, at most ``source.clients`` at one time.

    Each sender has a leftover buffer of its own, so one that stops in the middle of a message spoils no other's.
    Where all places are taken, a new sender gets that of the one that has been silent longest, if that is at least
    ``SILENT_S``; else it is turned away. So connections that say nothing cannot keep senders out for good.
    """

    def __init__(self, source: Source, cut: Cut, clock: Clock, link: Link) -> None:
        self._source, self._cut, self._clock, self._link = source, cut, clock, link
        self._frames: asyncio.Queue[Frame | Exception] = asyncio.Queue(WAITING_FRAMES)
        self._senders: set[asyncio.Task[None]] = set()
        self._heard_s: dict[asyncio.StreamWriter, float] = {}  # of each sender that has a place, its last message

    async def frames(self) -> AsyncIterator[Frame]:
        source = self._source
        try:
            server = await asyncio.start_server(self._accept, source.host, source.port)
        except OSError as error:
            raise explained(f"cannot listen on {source}", error) from error
        try:
            self._link.down("no sender is connected")
            while True:
                item = await self._frames.get()
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            server.close()
            for sender in self._senders:
                sender.cancel()
            await asyncio.gather(*self._senders, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._heard_s) >= self._source.clients and not self._make_room():
            self._link.refused()
            writer.close()
            return
        self._heard_s[writer] = monotonic_s()
        sender = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._senders.add(sender)
        sender.add_done_callback(self._left)
        self._link.up()

    def _make_room(self) -> bool:
        """Close the sender that has been silent longest, if that is long."""
        writer, heard_s = min(self._heard_s.items(), key=lambda item: item[1])
        silent_s = monotonic_s() - heard_s
        if silent_s < SILENT_S:
            return False
        del self._heard_s[writer]
        self._link.replaced(_peer(writer), silent_s)
        writer.close()  # its task then ends like that of a sender that left
        return True

    def _left(self, sender: "asyncio.Task[None]") -> None:
        self._senders.discard(sender)
        if not self._senders:
            self._link.down("no sender is connected")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _peer(writer)
        try:
            keep_alive(writer.get_extra_info("socket"))
            async for frame in cut_frames(reader, self._cut, self._clock, self._link, peer):
                await self._frames.put(frame)
                if writer in self._heard_s:
                    self._heard_s[writer] = monotonic_s()
        except OSError:
            pass  # this sender is gone; `_left` says so when it was the last
        except Exception as error:  # noqa: BLE001  a cut that fails is our bug: it must end the supervisor, not a task
            await self._frames.put(error)
        finally:
            self._heard_s.pop(writer, None)
            writer.close()
