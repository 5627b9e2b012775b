"""The addresses of docs/contract.md, section HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, WebSocket, delete, get, post, put, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath

import lowsky
from lowsky.clock import LiveClock
from lowsky.engine.hub import Controls, Hub, Picture
from lowsky.model.ports import Clock
from lowsky.model.status import Scene
from lowsky.serve import ogc, putzones
from lowsky.serve.acts import act
from lowsky.serve.client import Client, Shared, receive
from lowsky.serve.facts import Table, health
from lowsky.serve.guard import allowed_names, guarded
from lowsky.serve.metrics import MEDIA_TYPE, exposition
from lowsky.serve.pages import answer, read_pages
from lowsky.serve.state import alert_facts, figures_facts, newest_first
from lowsky.serve.tiles import TileArchive
from lowsky.serve.zones import zone_called, zones_of

BASEMAP = Path(__file__).parent / "basemap" / "world.pmtiles"
MAX_CLIENTS = 64


class Service:
    """One application's state: what all handlers share."""

    def __init__(self, hub: Hub, controls: Controls, clock: Clock) -> None:
        self.hub, self.shared = hub, Shared(controls, clock)
        self.clients: set[Client] = set()
        self.tiles = TileArchive(BASEMAP)
        self.pages = read_pages()
        self._woken = False

    def refresh(self) -> None:
        """Bring the wire form up to the newest picture. On the loop only."""
        self._woken = False
        picture = self.hub.latest()
        shared = self.shared
        if picture is None or shared.encoder.picture is picture:
            return
        shared.encoder.update(picture)
        shared.state.update(picture, shared.controls, shared.encoder.epoch)
        shared.history.take(shared.encoder, shared.state.text)
        for client in self.clients:
            client.wake.set()

    def table(self) -> tuple[Table | None, Picture | None, int]:
        """The newest picture as rows, itself, and the time."""
        self.refresh()
        picture = self.shared.encoder.picture
        table = None if picture is None else Table(self.shared.encoder, picture)
        return table, picture, self.shared.clock.now_ns()

    @contextlib.asynccontextmanager
    async def listening(self, _: Litestar) -> AsyncIterator[None]:
        """While the application runs: follow the hub."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            # from the engine's thread; at most one hand-over is under way
            if not self._woken:
                self._woken = True
                with contextlib.suppress(RuntimeError):  # the loop has just closed: nobody is left to tell
                    loop.call_soon_threadsafe(self.refresh)

        forget = self.hub.on_publish(wake)
        self.refresh()
        try:
            yield
        finally:
            forget()

    async def stream(self, socket: "WebSocket[Any, Any, Any]") -> None:
        """One client until it goes away."""
        if len(self.clients) >= MAX_CLIENTS:
            await socket.close(code=1013, reason="too many streams")
            return
        client = Client(socket, self.shared)
        self.clients.add(client)  # before anything waits, or many at once would pass the limit
        try:
            await socket.accept()
            self.refresh()
            await _converse(socket, client)
        finally:
            self.clients.discard(client)


async def _converse(socket: "WebSocket[Any, Any, Any]", client: Client) -> None:
    """Listen and send until either ends."""
    listener = asyncio.ensure_future(receive(socket, client))
    sender = asyncio.ensure_future(client.run())
    try:
        await asyncio.wait((listener, sender), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (listener, sender):
            task.cancel()
        # a vanished client ends either task with one of these; anything else is a bug and is raised
        for result in await asyncio.gather(listener, sender, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(
                result, asyncio.CancelledError | WebSocketDisconnect | OSError
            ):
                raise result


def _service(request: "Request[Any, Any, Any] | WebSocket[Any, Any, Any]") -> Service:
    service: Service = request.app.state["service"]
    return service


@get("/", include_in_schema=False)
async def index(request: "Request[Any, Any, Any]") -> Response[bytes]:
    return await static(request, "index.html")


@get("/static/{path:path}", include_in_schema=False)
async def static_file(request: "Request[Any, Any, Any]", path: FromPath[str]) -> Response[bytes]:
    return await static(request, str(path).lstrip("/"))


async def static(request: "Request[Any, Any, Any]", name: str) -> Response[bytes]:
    headers = request.headers
    page = _service(request).pages.get(name)
    return answer(page, headers.get("accept-encoding", ""), headers.get("if-none-match", ""))


@get("/api/health", tags=["picture"], summary="Is the node well, and which sensors are not")
async def get_health(request: "Request[Any, Any, Any]") -> dict[str, Any]:
    service = _service(request)
    return health(service.hub.latest(), service.shared.clock.now_ns())


@get("/api/tracks", tags=["picture"], media_type="application/geo+json", summary="The current picture as GeoJSON")
async def get_tracks(request: "Request[Any, Any, Any]") -> bytes:
    table = _table(request)
    # thousands of tracks take a while, in which the streams must not stand still
    return await asyncio.to_thread(_collection, table)


def _collection(table: Table | None) -> bytes:
    features = table.features() if table else []
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


@get("/api/tracks/{track_id:int}", tags=["picture"], summary="All the picture holds of one track: why it is there")
async def get_track(request: "Request[Any, Any, Any]", track_id: FromPath[int]) -> Response[dict[str, Any]]:
    table = _table(request)
    row = table.row_of(track_id) if table else None
    if table is None or row is None:
        return Response({"detail": "no such track in the current picture"}, status_code=404)
    return Response(table.card(row))


def _table(request: "Request[Any, Any, Any]") -> Table | None:
    return _service(request).table()[0]


@get("/api/alerts", tags=["picture"], summary="Open alerts, newest first")
async def get_alerts(request: "Request[Any, Any, Any]") -> list[dict[str, Any]]:
    picture = _service(request).hub.latest()
    return [] if picture is None else [alert_facts(alert) for alert in newest_first(picture.alerts)]


@get("/api/zones", tags=["picture"], media_type="application/geo+json", summary="Zones that are watched, as GeoJSON")
async def get_zones(request: "Request[Any, Any, Any]") -> bytes:
    picture = _service(request).hub.latest()
    return await asyncio.to_thread(lambda: msgspec.json.encode(zones_of(picture)))


@get("/api/zones/{path:path}", tags=["zones"], media_type="application/geo+json", summary="One zone")
async def get_zone(request: "Request[Any, Any, Any]", path: FromPath[str]) -> Response[Any]:
    picture = _service(request).hub.latest()
    found = await asyncio.to_thread(zone_called, picture, str(path))
    return Response({"detail": "no such zone"}, status_code=404) if found is None else Response(found)


@put("/api/zones/{path:path}", tags=["zones"], summary="Watch this GeoJSON Feature under this name")
async def put_zone(request: "Request[Any, Any, Any]", path: FromPath[str]) -> Response[Any]:
    service = _service(request)
    return await putzones.put(request, service.shared.controls, service.hub.latest(), str(path))


@delete("/api/zones/{path:path}", tags=["zones"], status_code=200, summary="Take away a zone that was put")
async def delete_zone(request: "Request[Any, Any, Any]", path: FromPath[str]) -> Response[Any]:
    service = _service(request)
    return await putzones.remove(request, service.shared.controls, service.hub.latest(), str(path))


@get("/api/alerts/figures", tags=["picture"], summary="How the alert desk itself does, over the last day")
async def get_figures(request: "Request[Any, Any, Any]") -> dict[str, Any]:
    picture = _service(request).hub.latest()
    return figures_facts(None if picture is None else picture.figures)


@post("/api/alerts/{alert_id:int}/acknowledge", tags=["desk"], status_code=200, summary="Somebody has seen it")
async def post_acknowledge(request: "Request[Any, Any, Any]", alert_id: FromPath[int]) -> Response[Any]:
    return await act(request, _service(request).shared.controls, "acknowledge", alert_id)


@post("/api/alerts/{alert_id:int}/shelve", tags=["desk"], status_code=200, summary="Hear no more of it for a while")
async def post_shelve(request: "Request[Any, Any, Any]", alert_id: FromPath[int]) -> Response[Any]:
    return await act(request, _service(request).shared.controls, "shelve", alert_id)


@post("/api/alerts/{alert_id:int}/unshelve", tags=["desk"], status_code=200, summary="It counts again")
async def post_unshelve(request: "Request[Any, Any, Any]", alert_id: FromPath[int]) -> Response[Any]:
    return await act(request, _service(request).shared.controls, "unshelve", alert_id)


@post("/api/alerts/{alert_id:int}/note", tags=["desk"], status_code=200, summary="Write something to it")
async def post_note(request: "Request[Any, Any, Any]", alert_id: FromPath[int]) -> Response[Any]:
    return await act(request, _service(request).shared.controls, "note", alert_id)


@get("/api/scenes", tags=["demo"], summary="Scenes of the demo; empty on a live node")
async def get_scenes(request: "Request[Any, Any, Any]") -> list[Scene]:
    return list(_service(request).shared.controls.scenes())


@get("/metrics", tags=["operation"], media_type=MEDIA_TYPE, summary="Prometheus text")
async def get_metrics(request: "Request[Any, Any, Any]") -> str:
    service = _service(request)
    return exposition(service.hub.latest(), service.shared, len(service.clients))


@get("/tiles/{z:int}/{x:int}/{y:int}", include_in_schema=False)
async def get_tile(
    request: "Request[Any, Any, Any]", z: FromPath[int], x: FromPath[int], y: FromPath[int]
) -> Response[bytes]:
    headers = {"cache-control": "public, max-age=3600"}
    tile = _service(request).tiles.tile(z, x, y)
    if tile is None:
        return Response(b"", status_code=204, headers=headers)
    return Response(
        tile, media_type="application/vnd.mapbox-vector-tile", headers=headers | {"content-encoding": "gzip"}
    )


@websocket("/api/stream")
async def stream(socket: "WebSocket[Any, Any, Any]") -> None:
    await _service(socket).stream(socket)


def create_app(
    hub: Hub, controls: Controls, hosts: tuple[str, ...] = ("127.0.0.1",), clock: Clock | None = None
) -> Litestar:
    """The ASGI application over a hub.

    Parameters
    ----------
    hosts : tuple of str
        What it was told to listen on and the address that is: bound to loopback it answers to loopback names only.
    clock : Clock
        For ``t_sent`` and ``now``; the operating system's by default.
    """
    service = Service(hub, controls, clock or LiveClock())
    app = Litestar(
        [
            index,
            static_file,
            get_health,
            get_tracks,
            get_track,
            get_alerts,
            get_zones,
            get_zone,
            put_zone,
            delete_zone,
            get_figures,
            post_acknowledge,
            post_shelve,
            post_unshelve,
            post_note,
            get_scenes,
            get_metrics,
            get_tile,
            stream,
            *ogc.HANDLERS,
        ],
        lifespan=[service.listening],
        openapi_config=OpenAPIConfig(
            title="lowsky", version=lowsky.__version__, path="/schema", render_plugins=[JsonRenderPlugin(path="/")]
        ),
        logging_config=None,
        debug=False,
    )
    app.state["service"] = service
    # outermost, so that "not found" and refusals carry the headers too
    app.asgi_handler = guarded(app.asgi_handler, allowed_names(*hosts))
    return app
