"""Serve until told to stop."""

import asyncio
import socket
import threading
from collections.abc import Callable

import uvicorn

from lowsky.engine.hub import Controls, Hub
from lowsky.errors import InvariantError, TransportError
from lowsky.serve.app import create_app

SEND_BUFFER_BYTES = 256 * 1024  # small, so that a slow client gets fewer frames instead of old ones
STOP_POLL_S = 0.1


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``TransportError`` with what to do where the address cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise TransportError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        raise TransportError(f"cannot listen on {host}:{port}: {why}; choose another with --port") from None
    return listener


def serve(
    hub: Hub,
    controls: Controls,
    host: str = "127.0.0.1",
    port: int = 8000,
    ready: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Serve the page until SIGINT or SIGTERM (in the main thread) or until ``stop`` is set.

    Parameters
    ----------
    port : int
        0 takes any free one.
    ready : callable
        Called with the page's address once connections are accepted.
    stop : threading.Event
        Set it from any thread to end.

    Raises
    ------
    TransportError
        The address cannot be had; one line that says so.
    """
    listener = listen(host, port)
    address = listener.getsockname()
    name = "localhost" if address[0] in ("0.0.0.0", "::") else address[0]
    url = f"http://{f'[{name}]' if ':' in name else name}:{address[1]}/"
    app = create_app(hub, controls, (host, address[0]))
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=4096,  # clients only ask
        ws_max_queue=8,
        ws_per_message_deflate=False,  # columns of floats hardly shrink, and latency counts
        ws_ping_interval=5.0,
        ws_ping_timeout=10.0,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        watcher = asyncio.ensure_future(_watch(server, stop, None if ready is None else lambda: ready(url)))
        try:
            await server.serve(sockets=[listener])
        finally:
            watcher.cancel()

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        return
    finally:
        listener.close()
    if not server.started:
        raise InvariantError("the page did not start; the log above says why")


async def _watch(server: uvicorn.Server, stop: threading.Event | None, ready: Callable[[], None] | None) -> None:
    """Say when it is up; end it when asked to."""
    while not server.should_exit:
        if ready is not None and server.started:
            ready()
            ready = None
        if stop is not None and stop.is_set():
            server.should_exit = True
        if ready is None and stop is None:
            return
        await asyncio.sleep(STOP_POLL_S)
