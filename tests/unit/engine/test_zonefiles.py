"""[[zone_file]]: geo-zones near the site become zones; what is doubtful is watched on the safe side, what is lost is
said."""

import json
import math

import numpy as np
import pytest
from tests.unit.wire.geozones.geozone_files import (
    HOLE,
    LAYER,
    SQUARE,
    circle,
    ed269,
    ed318,
    feature,
    feature_269,
    polygon,
    swapped,
)

from lowsky.engine.config import parse_site, read_site, whole_text
from lowsky.engine.zonetimes import periods_of
from lowsky.errors import ConfigError
from lowsky.geo.enu import EnuFrame
from lowsky.model.zone import Period
from lowsky.warn.desk import Desk
from lowsky.wire.geozones.fields import Applicability, Daily

SITE = """[site]
name = "x"
latitude_deg = 45.0
longitude_deg = 8.0
height_m = 100.0
[[zone_file]]
id = "national"
path = "zones.json"
"""
RULE = '[[rule]]\nid = "in"\npriority = "high"\nzones = "national"\n'
ABROAD = [[lon - 100.0, lat] for lon, lat in SQUARE]


@pytest.fixture
def read(tmp_path):
    """A site whose file of zones holds these bytes."""

    def read_with(data, more="", rest=""):
        (tmp_path / "zones.json").write_bytes(data)
        (tmp_path / "site.toml").write_text(SITE + more + rest, encoding="utf-8")
        return read_site(tmp_path / "site.toml")

    return read_with


def square(layer=LAYER, ring=SQUARE):
    return polygon(ring, layer=layer)


def test_zones_near_the_site_are_watched_and_a_rule_may_name_the_file_or_one_of_them(read):
    data = ed318(
        feature("A1", polygon(SQUARE, HOLE)),
        feature("B2", {"type": "GeometryCollection", "geometries": [circle()] * 2}),
        feature("FAR", square(ring=ABROAD)), feature("FREE", circle(), "NO_RESTRICTION"),
    )  # fmt: skip
    one = RULE.replace('"in"', '"one"').replace('"national"', '"national/B2"')
    site = read(data, rest=RULE + one)
    assert [zone.id for zone in site.zones] == ["national/A1", "national/B2", "national/B2#2"]
    (file,), (everywhere, second) = site.zone_files, site.rules
    assert (file.zones, file.elsewhere, file.unwanted, file.lost) == (3, 1, 1, ())
    assert everywhere.zones == ("national/A1", "national/B2", "national/B2#2")
    assert second.zones == ("national/B2", "national/B2#2")
    first = site.zones[0]
    assert first.corners[0] == (math.radians(45.0), math.radians(8.0)) and first.label == "Area A1"
    assert len(first.holes) == 1 and site.zones[1].reach_m == 500.0


def test_ids_and_restrictions_choose_and_an_id_that_is_not_there_is_said(read):
    data = ed269(*(feature_269(i, {"type": "Circle", "center": [8, 45], "radius": 90}, r) for i, r in
                   (("A", "PROHIBITED"), ("B", "REQ_AUTHORISATION"), ("C", "NO_RESTRICTION"))))  # fmt: skip
    assert [z.feature for z in read(data, 'restrictions = "REQ_AUTHORIZATION"\n').zones] == ["B"]
    site = read(data, 'ids = ["C", "Z"]\n')
    assert [z.feature for z in site.zones] == ["C"] and "found no 'Z' of ids" in site.zone_files[0].lost[0]


@pytest.mark.parametrize(
    ("limit", "reference", "unit", "more", "ceiling_m", "said"),
    [
        (400, "WGS84", "m", "", 400.0, ""),
        (400, "AMSL", "ft", "geoid_height_m = 48.0\n", 400 * 0.3048 + 48.0 + 10.0, ""),
        (400, "AMSL", "m", "", 400.0 + 86.0, "sea level"),
        (120, "AGL", "m", "ground_height_m = [90, 240]\n", 360.0, ""),
        (120, "AGL", "m", "", math.inf, "ground_height_m"),
        (120, "STD", "m", "", math.inf, "limits above STD"),
    ],
)
def test_a_ceiling_is_never_lower_than_it_may_be(read, limit, reference, unit, more, ceiling_m, said):
    layer = {"upper": limit, "upperReference": reference, "uom": unit}
    site = read(ed318(feature("A1", circle(layer=layer))), more)
    assert site.zones[0].ceiling_m == pytest.approx(ceiling_m) and site.zones[0].floor_m == -math.inf
    assert said in "".join(site.zone_files[0].notes) and bool(said) == bool(site.zone_files[0].notes)


def test_a_floor_is_never_higher_than_it_may_be_and_an_upside_down_zone_is_turned(read):
    layers = [
        {"lower": 100, "lowerReference": "AMSL"}, {"lower": 50, "lowerReference": "AGL"},
        {"lower": 300, "lowerReference": "WGS84", "upper": 120, "upperReference": "WGS84"},
        {"lower": 900, "lowerReference": "WGS84", "upper": 120, "upperReference": "AGL"},
    ]  # fmt: skip
    site = read(
        ed318(*(feature(f"A{k}", circle(layer=layer)) for k, layer in enumerate(layers))),
        "ground_height_m = [90, 240]\n",
    )
    assert [(z.floor_m, z.ceiling_m) for z in site.zones] == [
        (-7.0, math.inf), (140.0, math.inf), (120.0, 300.0), (-math.inf, math.inf)
    ]  # fmt: skip
    assert len(site.zone_files[0].notes) == 3


def test_coordinates_the_other_way_round_are_noticed_and_may_be_declared(read):
    data = ed318(feature("A1", swapped(circle())), feature("B2", swapped(polygon(SQUARE, HOLE))))
    site = read(data)
    assert site.zones == () and 'coordinates = "latitude-longitude"' in site.zone_files[0].lost[0]
    assert "2 zones" in site.zone_files[0].lost[0]
    right = read(ed318(feature("A1", circle()), feature("B2", polygon(SQUARE, HOLE)))).zones
    assert read(data, 'coordinates = "latitude-longitude"\n').zones == right
    mixed = read(ed318(feature("A1", circle()), feature("B2", swapped(square()))))
    assert [z.feature for z in mixed.zones] == ["A1"] and "feature 2 (B2)" in mixed.zone_files[0].lost[0]


def test_an_outline_that_crosses_itself_is_watched_as_its_hull_and_a_hole_that_does_is_watched_too(read):
    bow_tie = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]
    bad_hole = [HOLE[0], HOLE[2], HOLE[1], HOLE[3], HOLE[0]]
    outside = [[lon + 0.007, lat] for lon, lat in HOLE]
    site = read(ed318(feature("A1", square(ring=bow_tie)), feature("B2", polygon(SQUARE, bad_hole, outside, HOLE))))
    hull, holed = site.zones
    assert sorted(hull.corners) == sorted((math.radians(lat), math.radians(lon)) for lon, lat in SQUARE[:4])
    assert len(holed.holes) == 1
    assert len(site.zone_files[0].notes) == 2 + 1 and site.zone_files[0].lost == ()


@pytest.mark.parametrize(
    ("geometry", "found"),
    [
        (square(ring=[SQUARE[0], SQUARE[1], SQUARE[0]]), "a polygon without area"),
        (square(ring=[[-10, 20], [30, 20], [30, 60], [-10, 60]]), "a zone that reaches"),
        (circle(radius=190_000, lat=45.2), "a zone that reaches"),
    ],
)
def test_a_zone_that_cannot_be_watched_is_lost_with_its_place_and_the_others_are_watched(read, geometry, found):
    site = read(ed318(feature("A1", circle()), feature("BAD", geometry)), rest=RULE)
    assert [zone.feature for zone in site.zones] == ["A1"]
    (words,) = site.zone_files[0].lost
    assert words.startswith("zones.json: feature 2 (BAD)") and found in words


def test_a_file_that_cannot_be_read_is_an_alert_and_a_rule_for_it_is_no_rule_for_everywhere(read, tmp_path):
    from tests.unit.warn.test_rules import snapshot

    site = read(b"<xml/>", rest=RULE)
    assert site.rules[0].zones == ("national",)
    from lowsky.model.events import AlertRaised, NodeStarted

    desk = Desk(site)
    (raised,) = desk.step([NodeStarted(seq=1, t_event_ns=0, cause="", site="x", version="1")])
    assert isinstance(raised, AlertRaised) and "zones.json: found XML" in raised.title
    assert [desk.watch(snapshot(t, [(0, 0, 100)], [(0, 0, 0)])) for t in range(6)] == [[]] * 6
    other = Desk(site)
    other.load(desk.dump())
    assert other.alerts() == desk.alerts() and len(desk.alerts()) == 1
    (tmp_path / "zones.json").unlink()
    assert "No such file" in read_site(tmp_path / "site.toml").zone_files[0].lost[0]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (SITE.replace("zones.json", ""), "zone_file.path"),
        (SITE + "within_m = -1\n", "zone_file.within_m"),
        (SITE + "ground_height_m = [200, 100]\n", "zone_file.ground_height_m"),
        (SITE + 'coordinates = "yes"\n', "zone_file.coordinates"),
        (SITE + RULE.replace('"national"', '"national/NONE"'), "rule.zones"),
        (SITE + SITE[SITE.index("[[") :], "zone_file.id"),
    ],
)
def test_a_wrong_table_is_one_fault_at_its_line(text, where, tmp_path):
    (tmp_path / "zones.json").write_bytes(ed318(feature("A1", circle())))
    with pytest.raises(ConfigError) as caught:
        parse_site(text, folder=tmp_path)
    (fault,) = caught.value.faults
    assert fault.where.startswith("site.toml:") and fault.where.endswith(where)


def test_a_recorded_site_file_holds_its_zones_so_that_a_replay_needs_no_other_file(read, tmp_path):
    layer = {"upper": 400, "upperReference": "WGS84"}
    words = 'quote " and \\ and \x7f and é'
    data = ed318(
        feature("A1", polygon(SQUARE, HOLE), name=words), feature("B2", circle(layer=layer)), feature("C", None)
    )
    site = read(data, rest=RULE)
    text = whole_text((tmp_path / "site.toml").read_text(encoding="utf-8"), site)
    (tmp_path / "zones.json").unlink()
    assert parse_site(text) == site
    assert whole_text(text, site) == text
    with pytest.raises(ConfigError):
        parse_site(text.replace('{\\"file', '{\\"fil'))


def test_too_many_zones_are_the_nearest_ones(read, monkeypatch):
    monkeypatch.setattr("lowsky.engine.zonefiles.MOST_ZONES", 3)
    site = read(ed318(*(feature(f"A{k}", circle(lat=45.3 - 0.05 * k, radius=50)) for k in range(6))))
    assert [zone.feature for zone in site.zones] == ["A5", "A4", "A3"] and "at most 3" in site.zone_files[0].lost[0]


def test_gdal_finds_the_same_area_with_its_holes(read, tmp_path):
    """An independent reader of the same file: ogrinfo, in a metric projection of its own."""
    import subprocess

    from tests.needs import program

    site = read(ed318(feature("A1", polygon(SQUARE, HOLE))))
    merged = subprocess.run(
        [program("ogr2ogr"), "-f", "GeoJSON", "/vsistdout/", str(tmp_path / "zones.json"), "-t_srs",
         "+proj=laea +lat_0=45 +lon_0=8", "-lco", "COORDINATE_PRECISION=3", "-lco", "RFC7946=NO"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    theirs = json.loads(merged.stdout)["features"][0]["geometry"]["coordinates"]

    def area(ring):
        x, y = np.array(ring).T
        return abs(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))

    frame = EnuFrame.at(math.radians(45.0), math.radians(8.0), 0.0)
    (zone,) = site.zones
    ours = [frame.pos_enu(*np.array(ring).T, np.zeros(len(ring)))[:, :2] for ring in (zone.corners, *zone.holes)]
    for ring, other in zip(ours, theirs, strict=True):
        assert area(ring) == pytest.approx(area(np.array(other)[:-1, :2]), rel=1e-5)
        np.testing.assert_allclose(ring, np.array(other)[:-1, :2], atol=0.05)


HOUR = 3600.0
MONDAY_NS = 1_780_272_000 * 10**9  # 1 June 2026, 00:00 UTC


def at(hours):
    return MONDAY_NS + int(hours * HOUR * 1e9)


@pytest.mark.parametrize(
    ("daily", "on", "off"),
    [
        (Daily(day=["MON"], start_time="08:00:00Z", end_time="12:00Z"), (8.0, 11.9), (7.9, 12.0, 24 + 9.0)),
        (Daily(day="MON", start_time="22:00Z", end_time="06:00Z"), (22.0, 24 + 5.9), (5.0, 24 + 22.0)),
        (Daily(day=["MON"], start_time="01:00:00.00+02:00", end_time="03:00+02:00"), (-0.9, 0.9), (1.1, 23.5)),
        (Daily(day=["ANY"], start_time="08:00Z"), (8.0, 24 + 23.0), (7.0,)),
        (Daily(day=["TUE"]), (24.0, 47.0), (23.0, 48.0)),
        (Daily(day=["MON"], start_event="SR", end_event="SS"), (1.0, 23.0), (25.0,)),
        (Daily(day=["MON"], start_time="08:00", end_time="12:00"), (1.0, 23.0, 100.0), ()),
        (Daily(day=["XYZ"], start_time="08:00Z", end_time="09:00Z"), (8.5, 24 + 8.5), (9.5,)),
    ],
)
def test_days_and_clock_times_of_a_zone(daily, on, off):
    (period,), _ = periods_of((Applicability(schedule=[daily]),)) if daily.start_time != "08:00" else ((Period(),), ())
    assert [period.holds(at(h)) for h in on] == [True] * len(on)
    assert [period.holds(at(h)) for h in off] == [False] * len(off)


def test_dates_bound_a_zone_and_what_is_not_understood_is_always_on():
    (period,), notes = periods_of(
        (Applicability(start_date_time="2026-06-01T00:00:00Z", end_date_time="2026-06-02T00:00:00+02:00"),)
    )
    assert (period.begin_ns, period.end_ns) == (at(0), at(22)) and notes == []
    (period,), notes = periods_of((Applicability(start_date_time="2026-06-01T00:00:00"),))
    assert period.begin_ns == at(-14) and len(notes) == 1
    for words in ("tomorrow", "9999-12-31T23:59:59Z", ""):
        assert periods_of((Applicability(end_date_time=words),))[0] == ()
    periods, notes = periods_of((Applicability(schedule=[Daily(day=["MON"], start_time="08:00", end_time="12:00")]),))
    assert periods == () and len(notes) == 1


HOSTILE = (None, True, -1, 0, 1e308, -1e308, 91.0, 181.0, "", "\x00‮", "x" * 5000, [], {}, [[]], [[[1e9, 1e9]]], "YES")


def _leaves(value, path=()):
    """Places of everything in a document."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, other in inside:
        yield from _leaves(other, (*path, key))


def test_a_file_with_anything_anywhere_is_read_or_said_and_never_an_error(read, tmp_path):
    times = [{"startDateTime": "2026-01-01T00:00:00Z", "schedule": [{"day": ["MON"], "startTime": "08:00Z"}]}]
    first = ed318(feature("A1", polygon(SQUARE, HOLE), limitedApplicability=times), feature("B2", circle()))
    area = {"type": "Polygon", "coordinates": [SQUARE]}
    second = ed269(feature_269("A1", area, applicability=times), feature_269("B2", area))
    rng = np.random.default_rng(3)
    lost = 0
    for data in (first, second):
        places = [path for path in _leaves(json.loads(data)) if path]
        for _ in range(150):
            document = json.loads(data)
            for path in (places[k] for k in rng.integers(len(places), size=rng.integers(1, 4))):
                try:
                    owner = document
                    for key in path[:-1]:
                        owner = owner[key]
                    owner[path[-1]] = HOSTILE[rng.integers(len(HOSTILE))]
                except (KeyError, IndexError, TypeError):
                    pass  # what was there went with the mutation before
            site = read(json.dumps(document).encode(), "ground_height_m = [0, 50]\n", RULE)
            lost += bool(site.zone_files[0].lost)
            told = len(site.zone_files[0].lost)
            assert len(site.zones) + told + site.zone_files[0].elsewhere + site.zone_files[0].unwanted > 0
            assert all(words.isprintable() for words in (*site.zone_files[0].lost, *site.zone_files[0].notes))
            for zone in site.zones:
                assert np.isfinite(zone.corners).all() and zone.floor_m < zone.ceiling_m
            text = whole_text((tmp_path / "site.toml").read_text(encoding="utf-8"), site)
            assert parse_site(text) == site
        for _ in range(100):
            broken = bytearray(data)
            for k in rng.integers(len(broken), size=3):
                broken[k] = rng.integers(256)
            read(bytes(broken))
    assert 50 < lost < 290
