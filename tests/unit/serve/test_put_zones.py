"""PUT and DELETE /api/zones/NAME: strictly read, one clear message each, and only from the page or a program."""

import http.client
import json
import math
from dataclasses import replace

import msgspec
import pytest
from tests.unit.serve.pictures import SITE, picture

from lowsky.engine.hub import Outcome
from lowsky.model.zone import Rule, Zone, every_day
from lowsky.serve.putzones import MOST_BYTES, MOST_PLACES, parsed

SQUARE = [[126.60, 37.45], [126.61, 37.45], [126.61, 37.46], [126.60, 37.46], [126.60, 37.45]]
HOLE = [[126.602, 37.452], [126.604, 37.452], [126.604, 37.454], [126.602, 37.454], [126.602, 37.452]]
WHO = "?user=Kim&seat=tower%202"


def feature(coordinates=(SQUARE,), kind="Polygon", **properties):
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def read(body, site=SITE):
    return parsed("fair", body if isinstance(body, bytes) else json.dumps(body).encode(), site)


def ask(running, method, path, body=None, **headers):
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {} if body is None else {"content-type": "application/geo+json"}
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    try:
        connection.request(method, path, data, sent | {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_polygons_circles_and_corridors_become_zones_in_radians():
    yard = read(
        feature([SQUARE, HOLE], floor_height_m=0, ceiling_height_m=150.5, label="Fa\x07ir", height_datum="WGS84")
    )
    assert yard.id == "api/fair" and yard.shape == "polygon" and len(yard.corners) == 4 and len(yard.holes[0]) == 4
    assert (math.radians(37.46), math.radians(126.61)) in yard.corners
    assert (yard.floor_m, yard.ceiling_m, yard.label) == (0.0, 150.5, "Fa�ir")
    tower = read(feature([126.6, 37.45], "Point", radius_m=300, hours_utc=["22:00-06:00"]))
    assert (tower.shape, tower.reach_m, tower.ceiling_m) == ("circle", 300.0, math.inf)
    assert tower.periods == every_day(((79_200.0, 108_000.0),))
    way = read(feature(SQUARE[:3], "LineString", width_m=200))
    assert (way.shape, way.reach_m, len(way.corners)) == ("corridor", 100.0, 3)


CROSSED = [SQUARE[k] for k in (0, 1, 3, 2, 0)]
FLAT = [SQUARE[k] for k in (0, 1, 0, 1, 0)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (feature([CROSSED]), "edges"),
        (feature([FLAT]), "coordinates"),
        (feature([]), "a Polygon has 1 ring"),
        (feature([[]]), "no places"),
        (feature([SQUARE[:2]]), "four places or more"),
        (feature([SQUARE[:4]]), "the last of which is the first again"),
        (feature([SQUARE[:1] * 5]), "coordinates"),
        (feature(floor_height_m=200, ceiling_height_m=100), "ceiling_height_m: found 100; expected more than floor"),
        (feature(floor_height_m=200, ceiling_height_m=200), "more than floor_height_m"),
        (feature(ceiling_height_m=1e7), "ceiling_height_m: found 10000000.0; expected a number from -1000 to 50000"),
        (feature([[[60, 20], [140, 20], [140, 60], [60, 60], [60, 20]]]), "more than 200 km"),
        (feature([[[y, x - 90] for x, y in SQUARE]]), "more than 200 km"),
        (feature([126.6, 37.45], "Point", radius_m=5e6), "radius_m"),
        (feature(ceiling_height_m=100, height_datum="AMSL"), "heights above AMSL"),
        (feature(ceiling_height_m=100, height_datum="AGL"), "above the WGS-84 ellipsoid"),
        (feature(upperLimit=100, upperReference="AMSL"), "upperLimit"),
        (feature([[[*place, 120.0] for place in SQUARE]]), "a place with a height"),
        (feature([[[37.45, 126.6]] * 4]), "[longitude, latitude] in degrees"),
        (feature([SQUARE] * 102), "ring"),
        (feature([[SQUARE[k % 4] for k in range(MOST_PLACES + 1)]]), "places"),
        (feature([SQUARE, [[x + 0.1, y] for x, y in HOLE]]), "hole 1 reaches out"),
        (feature([SQUARE, [HOLE[k] for k in (0, 1, 3, 2, 0)]]), "hole 1 crosses itself"),
        (feature([[SQUARE]], "MultiPolygon"), "a MultiPolygon (put each part by itself)"),
        (feature([126.6, 37.45], "Point"), "a circle without radius_m"),
        (feature(SQUARE[:2], "LineString"), "a corridor without width_m"),
        (feature(radius_m=5), "a polygon with radius_m"),
        (feature(SQUARE[:1], "LineString", width_m=5), "corners"),
        (feature(hours_utc=["7 to 9"]), "hours_utc"),
        (feature(watched=True), "watched"),
        (feature(label="x" * 81), "label"),
        (feature([["a", "b"]] * 5), "coordinates"),
        (feature([[[True, False]] * 5]), "coordinates"),
        (feature([[["1", 2]] * 5]), "coordinates"),
        (feature({"a": 1}), "coordinates"),
        (feature() | {"crs": {"name": "EPSG:3857"}}, "crs"),
        (feature() | {"id": "other"}, "the id other"),
        (feature() | {"geometry": None}, "no geometry"),
        ({"type": "FeatureCollection", "features": []}, "features"),
        (feature() | {"type": "Future"}, "one GeoJSON Feature"),
        ([], "object"),
        (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b'{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": ' + b"[" * 100_000, "recursion"),
        (b"[" * 100_000, "expected `object`"),
        (json.dumps(feature()).replace("37.45", "NaN").encode(), "JSON"),
        (json.dumps(feature()).replace("37.45", "9" * 5000).encode(), "out of range"),
    ],
)  # fmt: skip
def test_a_zone_that_cannot_be_watched_is_refused_in_one_line_that_says_why(body, said):
    with pytest.raises(ValueError) as refused:
        read(body)
    words = str(refused.value)
    assert said.lower() in words.lower() and "\n" not in words and len(words) < 600


def test_places_with_the_latitude_first_are_told_so():
    site = msgspec.structs.replace(SITE, latitude_rad=math.radians(45.0), longitude_rad=math.radians(8.0))
    with pytest.raises(ValueError, match="exchanged"):
        read(feature([[[45.0, 8.0], [45.0, 8.01], [45.01, 8.01], [45.0, 8.0]]]), site)


def test_a_zone_goes_to_the_node_with_who_put_it_and_says_what_it_lacks(running):
    status, told = ask(running, "PUT", "/api/zones/fair" + WHO, feature())
    assert status == 200 and told["recorded"] and told["zone"]["id"] == "api/fair"
    assert "no rule names" in told["notes"][0] and "no sensor reaches it" in told["notes"][1]
    (action,) = running.controls.asked
    assert (action.what, action.zone_id, action.user, action.seat) == ("put-zone", "fair", "Kim", "tower 2")
    assert action.zone.id == "api/fair" and len(action.key) >= 8
    assert ask(running, "DELETE", "/api/zones/api/fair" + WHO)[0] == 200
    assert (running.controls.asked[1].what, running.controls.asked[1].zone_id) == ("remove-zone", "fair")


def test_a_rule_that_names_it_is_told(running):
    rules = (Rule(id="in", priority="high", zones=("api",)),)
    running.hub.publish(replace(picture(), site=msgspec.structs.replace(SITE, rules=rules)))
    _, told = ask(running, "PUT", "/api/zones/fair" + WHO, feature())
    assert told["zone"]["properties"]["rules"] == ["in"] and told["zone"]["properties"]["watched"]


def test_who_it_is_has_to_be_said_and_the_name_to_be_one(running):
    for query in ("", "?user=", "?user=%20", "?user=" + "x" * 65, "?user=a&user=b", "?user=a&admin=1"):
        status, told = ask(running, "PUT", "/api/zones/fair" + query, feature())
        assert status == 400 and "user" in told["detail"]
        assert ask(running, "DELETE", "/api/zones/fair" + query)[0] == 400
    for name in ("a%20b", "%2e%2e%2fx", "x" * 65, "%00", "-a", "a/b", "%F0%9F%98%80"):
        status, told = ask(running, "PUT", f"/api/zones/{name}" + WHO, feature())
        assert status == 400 and "letters" in told["detail"], name
    assert running.controls.asked == []


def test_a_zone_of_the_site_is_left_to_the_node_to_refuse(running):
    own = (Zone(id="tower", shape="circle", corners=((0.65, 2.2),), reach_m=5.0),)
    own += (Zone(id="national/R 12", shape="circle", corners=((0.65, 2.2),), reach_m=5.0, file="national"),)
    running.hub.publish(replace(picture(), site=msgspec.structs.replace(SITE, zones=own)))
    running.controls.outcome = Outcome("impossible", "tower is of the site file")
    for name in ("tower", "national/R%2012", "national%2FR%2012"):
        for method, body in (("PUT", feature()), ("PUT", b"no zone at all"), ("DELETE", None)):
            assert ask(running, method, f"/api/zones/{name}" + WHO, body) == (
                409,
                {"detail": "tower is of the site file"},
            )
    assert {action.zone_id for action in running.controls.asked} == {"tower", "national/R 12"}


def test_one_zone_may_be_asked_for_by_its_id_or_its_name(running):
    zones = (Zone(id="api/fair", shape="circle", corners=((0.65, 2.2),), reach_m=5.0),)
    running.hub.publish(replace(picture(), site=msgspec.structs.replace(SITE, zones=zones)))
    for name in ("fair", "api/fair"):
        assert ask(running, "GET", f"/api/zones/{name}")[1]["id"] == "api/fair"
    assert ask(running, "GET", "/api/zones/other")[0] == 404


def test_a_body_without_end_or_of_another_kind_is_not_read(running):
    assert ask(running, "PUT", "/api/zones/fair" + WHO, b" " * (MOST_BYTES + 1))[0] == 413
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert ask(running, "PUT", "/api/zones/fair" + WHO, feature(), content_type=kind)[0] == 415
    assert running.controls.asked == []


def test_another_site_cannot_change_zones_through_the_browser_of_an_operator(running):
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        assert ask(running, "PUT", "/api/zones/fair" + WHO, feature(), **headers)[0] == 403
        assert ask(running, "DELETE", "/api/zones/fair" + WHO, **headers)[0] == 403
    assert running.controls.asked == []


@pytest.mark.parametrize(("refused", "status"), [("unknown", 404), ("impossible", 409), ("busy", 503)])
def test_what_the_node_refuses_says_why(running, refused, status):
    running.controls.outcome = Outcome(refused, "because")
    assert ask(running, "PUT", "/api/zones/fair" + WHO, feature()) == (status, {"detail": "because"})
    assert ask(running, "DELETE", "/api/zones/fair" + WHO) == (status, {"detail": "because"})


def test_a_zone_that_is_put_and_not_on_disk_is_not_called_recorded(running):
    running.controls.outcome = Outcome(trouble="the disk is full")
    status, told = ask(running, "PUT", "/api/zones/fair" + WHO, feature())
    assert (status, told["recorded"]) == (202, False) and "the disk is full" in told["detail"]


def test_who_shows_zones_is_told_that_they_changed_and_keeps_the_tracks(running):
    from lowsky.serve.frame import Encoder
    from lowsky.serve.state import StateText

    encoder, state = Encoder(), StateText()
    first = picture()
    zones = (Zone(id="api/fair", shape="circle", corners=((0.65, 2.2),), reach_m=5.0),)
    second = replace(first, site=msgspec.structs.replace(SITE, zones=zones))
    told = []
    for one in (first, second, replace(second)):
        encoder.update(one)
        state.update(one, running.controls, encoder.epoch)
        told.append((encoder.epoch, json.loads(state.text)["zones"], state.version))
    assert told[0][0] == told[1][0] == told[2][0], "time does not start anew"
    assert [zones for _, zones, _ in told] == [0, 1, 1] and told[1][2] == told[2][2] == 2
