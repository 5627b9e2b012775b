"""GET /api/zones: what is watched, as GeoJSON that others read."""

import itertools
import json
import math
import subprocess
from dataclasses import replace

import msgspec
import pytest
from tests import needs
from tests.unit.serve.pictures import SITE, T0, picture

from lowsky.model.zone import Period, Rule, Zone
from lowsky.serve.zones import zones_of

LAT, LON = SITE.latitude_rad, SITE.longitude_rad
D = 1e-3  # rad: 6.4 km north
SQUARE = ((LAT, LON), (LAT, LON + D), (LAT + D, LON + D), (LAT + D, LON))
HOLE = tuple((LAT + s * D, LON + t * D) for s, t in ((0.2, 0.2), (0.2, 0.4), (0.4, 0.4), (0.4, 0.2)))
YARD = Zone(id="yard", shape="polygon", corners=SQUARE[::-1], holes=(HOLE,), ceiling_m=150.04, label="Ya\x07rd")
TOWER = Zone(id="tower", shape="circle", corners=((LAT, LON),), reach_m=500.0)
WAY = Zone(id="way", shape="corridor", corners=SQUARE[:2], reach_m=100.0, floor_m=10.0)


def collection(zones, rules=()):
    shown = msgspec.structs.replace(SITE, zones=tuple(zones), rules=tuple(rules))
    return zones_of(replace(picture(), site=shown))


def rule(*zones, priority="low", **more):
    return Rule(id=f"r {priority}", priority=priority, zones=zones, **more)


def test_each_shape_has_its_geometry_and_its_limits():
    yard, tower, way = collection([YARD, TOWER, WAY])["features"]
    assert yard["properties"]["label"] == "Ya�rd" and yard["properties"]["ceiling_height_m"] == 150.0
    assert yard["properties"]["floor_height_m"] is None and len(yard["geometry"]["coordinates"]) == 2
    assert tower["properties"]["radius_m"] == 500.0 and len(tower["geometry"]["coordinates"][0]) == 97
    assert way["geometry"]["type"] == "LineString" and way["properties"]["width_m"] == 200.0


def test_a_zone_is_watched_in_its_hours_by_a_rule_in_its_hours():
    over = (Period(end_ns=T0),)
    cases = (
        (TOWER, [], False, None), (TOWER, [rule("tower")], True, "low"),
        (TOWER, [rule("tower"), rule("tower", priority="high")], True, "high"),
        (TOWER, [rule("yard")], False, None), (TOWER, [rule("tower", periods=over)], False, "low"),
        (msgspec.structs.replace(TOWER, periods=over), [rule("tower")], False, "low"),
    )  # fmt: skip
    for zone, rules, watched, priority in cases:
        (feature,) = collection([zone], rules)["features"]
        assert (feature["properties"]["watched"], feature["properties"]["priority"]) == (watched, priority)


def test_no_picture_has_no_zones():
    assert zones_of(None) == {"type": "FeatureCollection", "features": []}


def test_a_zone_across_the_180th_meridian_is_one_piece():
    corners = (*tuple((0.5, longitude) for longitude in (3.14, -3.14)), (0.501, -3.14), (0.501, 3.14))
    (feature,) = collection([Zone(id="z", shape="polygon", corners=corners)])["features"]
    longitudes = [place[0] for place in feature["geometry"]["coordinates"][0]]
    assert max(longitudes) - min(longitudes) < 1.0


def test_gdal_reads_it_and_finds_the_areas(tmp_path):
    path = tmp_path / "zones.json"
    path.write_bytes(msgspec.json.encode(collection([YARD, TOWER, WAY])))
    made = subprocess.run(
        [needs.program("ogr2ogr"), "-f", "GeoJSON", "/vsistdout/", str(path), "-t_srs",
         f"+proj=laea +lat_0={math.degrees(LAT)} +lon_0={math.degrees(LON)}", "-lco", "RFC7946=NO"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    yard, tower, way = json.loads(made.stdout)["features"]
    assert [f["geometry"]["type"] for f in (yard, tower, way)] == ["Polygon", "Polygon", "LineString"]
    outline, hole = map(area, yard["geometry"]["coordinates"])
    assert outline > 0.0 > hole, "outlines run anticlockwise, holes clockwise"
    assert hole == pytest.approx(-0.04 * outline, rel=2e-3)
    assert area(tower["geometry"]["coordinates"][0]) == pytest.approx(math.pi * 500.0**2, rel=5e-3)


def area(ring):
    return 0.5 * sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring))
