"""OGC API – Features, Part 1: Core, under /ogc: collections tracks, zones and alerts for GIS programs.

Source: OGC 17-069r4. Conformance: core, oas30, geojson. ``bbox`` of a zone is held against its bounding box.
"""

import asyncio
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

import lowsky
from lowsky.engine.hub import Picture
from lowsky.outputs.facts import rfc3339
from lowsky.serve.facts import Table
from lowsky.serve.features import Feature, alert_features, track_features, zone_features

PREFIX = "/ogc"
GEOJSON, JSON = "application/geo+json", "application/json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
USUAL, MOST = 100, 10_000
PARAMETERS = frozenset({"bbox", "datetime", "limit", "offset", "f"})
CLASSES = [f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" for name in ("core", "oas30", "geojson")]
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)|\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Collection:
    """What is offered, and the property that says when a feature is; "" where it always is."""

    title: str
    description: str
    time: str
    features: Callable[[Table, Picture], list[Feature]]


COLLECTIONS = {
    "tracks": Collection("Tracks", "Objects of the current picture", "time", track_features),
    "zones": Collection("Zones", "Places that are watched", "", lambda table, picture: zone_features(picture)),
    "alerts": Collection("Alerts", "Open alerts, newest first", "raised", alert_features),
}


class _Bad(Exception):
    """A query that cannot be answered; says why."""


@dataclass(frozen=True, slots=True)
class Query:
    bbox: tuple[float, float, float, float] | None
    span: tuple[datetime, datetime] | None
    limit: int
    offset: int

    @classmethod
    def of(cls, given: dict[str, list[str]]) -> "Query":
        """Raises ``_Bad``."""
        unknown = sorted(given.keys() - PARAMETERS)
        if unknown or any(len(values) > 1 for values in given.values()):
            raise _Bad(f"parameters are {', '.join(sorted(PARAMETERS))}, each once")
        one = {name: values[0] for name, values in given.items()}
        if one.get("f", "json") not in ("json", "geojson"):
            raise _Bad("f is json")
        bbox = _bbox(one["bbox"]) if "bbox" in one else None
        span = _span(one["datetime"]) if "datetime" in one else None
        return cls(bbox, span, min(_whole(one, "limit", USUAL, 1), MOST), _whole(one, "offset", 0, 0))

    def holds(self, feature: Feature, time: str) -> bool:
        if self.bbox is not None and not _touches(feature["geometry"], self.bbox):
            return False
        if self.span is None or not time:
            return True
        return self.span[0] <= datetime.fromisoformat(feature["properties"][time]) <= self.span[1]


def _whole(given: dict[str, str], name: str, usual: int, least: int) -> int:
    text = given.get(name, str(usual))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise _Bad(f"{name} is a whole number from {least}")
    return int(text)


def _bbox(text: str) -> tuple[float, float, float, float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:  # with heights, by which nothing is chosen
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or numbers[1] > numbers[3]:
        raise _Bad("bbox is west,south,east,north in degrees, or with heights west,south,low,east,north,high")
    west, south, east, north = numbers
    return west, south, east, north


def _span(text: str) -> tuple[datetime, datetime]:
    ends = text.split("/")
    wanted = _Bad("datetime is a time as 2026-12-01T12:00:00Z, or an interval with / between, an open end as ..")
    if len(ends) > 2 or (len(ends) == 2 and all(end in ("", "..") for end in ends)):
        raise wanted
    try:
        first = _instant(ends[0], datetime.min)
        last = _instant(ends[-1], datetime.max) if len(ends) == 2 else first
    except ValueError:
        raise wanted from None
    if first > last:
        raise wanted
    return first, last


def _instant(text: str, open_end: datetime) -> datetime:
    if text in ("", "..") and open_end in (datetime.min, datetime.max):
        return open_end.replace(tzinfo=UTC)
    if not INSTANT.fullmatch(text):
        raise ValueError(text)
    found = datetime.fromisoformat(text.upper())
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _touches(geometry: dict[str, Any] | None, bbox: tuple[float, float, float, float]) -> bool:
    if geometry is None:
        return False
    places = {"Point": lambda c: [c], "LineString": lambda c: c, "Polygon": lambda c: c[0]}[geometry["type"]](
        geometry["coordinates"]
    )
    longitudes, latitudes = [p[0] for p in places], [p[1] for p in places]
    west, south, east, north = bbox
    if max(latitudes) < south or min(latitudes) > north:
        return False
    low, high = min(longitudes), max(longitudes)
    if west <= east:
        return high >= west and low <= east
    return high >= west or low <= east  # over the 180th meridian


def _link(href: str, rel: str, kind: str, title: str = "") -> dict[str, str]:
    return {"href": href, "rel": rel, "type": kind} | ({"title": title} if title else {})


def _json(facts: dict[str, Any], kind: str = JSON, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(facts), media_type=kind, status_code=status)


def _refused(why: str, status: int = 400) -> Response[bytes]:
    return _json({"code": {400: "InvalidParameterValue", 404: "NotFound"}[status], "description": why}, JSON, status)


def _base(request: "Request[Any, Any, Any]") -> str:
    url = request.base_url
    return f"{str(url).rstrip('/')}{PREFIX}"


def _collection(name: str, base: str) -> dict[str, Any]:
    own, about = f"{base}/collections/{name}", COLLECTIONS[name]
    return {
        "id": name,
        "title": about.title,
        "description": about.description,
        "itemType": "feature",
        "crs": [CRS84],
        "links": [_link(own, "self", JSON), _link(f"{own}/items", "items", GEOJSON, about.title)],
    }


@get(PREFIX, include_in_schema=False)
async def landing(request: "Request[Any, Any, Any]") -> Response[bytes]:
    base = _base(request)
    links = [
        _link(base, "self", JSON, "this document"),
        _link(f"{base}/api", "service-desc", OPENAPI, "the interface"),
        _link(f"{base}/conformance", "conformance", JSON, "what is conformed to"),
        _link(f"{base}/collections", "data", JSON, "collections"),
    ]
    return _json({"title": "lowsky", "description": "The picture of the low sky", "links": links})


@get(f"{PREFIX}/conformance", include_in_schema=False)
async def conformance() -> Response[bytes]:
    return _json({"conformsTo": CLASSES})


@get(f"{PREFIX}/collections", include_in_schema=False)
async def collections(request: "Request[Any, Any, Any]") -> Response[bytes]:
    base = _base(request)
    links = [_link(f"{base}/collections", "self", JSON)]
    return _json({"links": links, "collections": [_collection(name, base) for name in COLLECTIONS]})


@get(f"{PREFIX}/collections/{{name:str}}", include_in_schema=False)
async def collection(request: "Request[Any, Any, Any]", name: FromPath[str]) -> Response[bytes]:
    if name not in COLLECTIONS:
        return _refused("collections are " + ", ".join(COLLECTIONS), 404)
    return _json(_collection(name, _base(request)))


@get(f"{PREFIX}/collections/{{name:str}}/items", include_in_schema=False)
async def items(request: "Request[Any, Any, Any]", name: FromPath[str]) -> Response[bytes]:
    if name not in COLLECTIONS:
        return _refused("collections are " + ", ".join(COLLECTIONS), 404)
    given = {key: list(request.query_params.getall(key)) for key in request.query_params}
    try:
        query = Query.of(given)
    except _Bad as error:
        return _refused(str(error))
    shown = request.app.state["service"].table()
    # thousands of features take a while, in which the streams must not stand still
    return await asyncio.to_thread(_page, name, query, given, _base(request), *shown)


def _page(
    name: str, query: Query, given: dict[str, list[str]], base: str, table: Table | None, picture: Picture | None,
    now_ns: int,
) -> Response[bytes]:  # fmt: skip
    about, own = COLLECTIONS[name], f"{base}/collections/{name}"
    every = [] if table is None or picture is None else about.features(table, picture)
    chosen = [feature for feature in every if query.holds(feature, about.time)]
    page = chosen[query.offset : query.offset + query.limit]

    def at(offset: int) -> str:
        same = {key: values[0] for key, values in given.items() if key not in ("offset", "limit")}
        return f"{own}/items?{urlencode(same | {'limit': query.limit, 'offset': offset}, safe=',:/')}"

    links = [_link(at(query.offset), "self", GEOJSON), _link(own, "collection", JSON)]
    if query.offset + query.limit < len(chosen):
        links.append(_link(at(query.offset + query.limit), "next", GEOJSON))
    if query.offset > 0:
        links.append(_link(at(max(0, query.offset - query.limit)), "prev", GEOJSON))
    answer = {
        "type": "FeatureCollection",
        "timeStamp": rfc3339(now_ns),
        "numberMatched": len(chosen),
        "numberReturned": len(page),
        "links": links,
        "features": page,
    }
    return _json(answer, GEOJSON)


@get(f"{PREFIX}/collections/{{name:str}}/items/{{feature:str}}", include_in_schema=False)
async def item(request: "Request[Any, Any, Any]", name: FromPath[str], feature: FromPath[str]) -> Response[bytes]:
    table, picture, _ = request.app.state["service"].table()
    if name not in COLLECTIONS or table is None or picture is None:
        return _refused("no such feature", 404)
    every = await asyncio.to_thread(COLLECTIONS[name].features, table, picture)
    found = next((one for one in every if str(one["id"]) == feature), None)
    if found is None:
        return _refused("no such feature now", 404)
    own = f"{_base(request)}/collections/{name}"
    links = [_link(f"{own}/items/{quote(feature, safe='')}", "self", GEOJSON), _link(own, "collection", JSON)]
    return _json(found | {"links": links}, GEOJSON)


@get(f"{PREFIX}/api", include_in_schema=False)
async def api(request: "Request[Any, Any, Any]") -> Response[bytes]:
    def answers(text: str, kind: str = JSON) -> dict[str, Any]:
        bad = {"description": "a query that cannot be answered, with the reason"}
        return {"200": {"description": text, "content": {kind: {"schema": {"type": "object"}}}}, "400": bad}

    def parameter(name: str, schema: dict[str, Any], where: str = "query") -> dict[str, Any]:
        return {"name": name, "in": where, "required": where == "path", "schema": schema}

    query = [
        parameter("bbox", {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6})
        | {"style": "form", "explode": False},
        parameter("datetime", {"type": "string"}),
        parameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
        parameter("offset", {"type": "integer", "minimum": 0, "default": 0}),
    ]
    one = parameter("name", {"type": "string", "enum": list(COLLECTIONS)}, "path")
    feature = parameter("feature", {"type": "string"}, "path")
    paths = {
        "/": {"get": {"responses": answers("where everything is")}},
        "/conformance": {"get": {"responses": answers("conformance classes")}},
        "/collections": {"get": {"responses": answers("all collections")}},
        "/collections/{name}": {"get": {"parameters": [one], "responses": answers("one collection")}},
        "/collections/{name}/items": {"get": {"parameters": [one, *query], "responses": answers("features", GEOJSON)}},
        "/collections/{name}/items/{feature}": {
            "get": {"parameters": [one, feature], "responses": answers("one feature", GEOJSON)}
        },
    }
    facts = {
        "openapi": "3.0.3",
        "info": {"title": "lowsky features", "version": lowsky.__version__},
        "servers": [{"url": _base(request)}],
        "paths": paths,
    }
    return _json(facts, OPENAPI)


HANDLERS = [landing, conformance, collections, collection, items, item, api]
