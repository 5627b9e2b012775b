"""ED-318 and ED-269 files: what is read, and one trouble for each thing that cannot be."""

import json

import pytest
from tests.unit.wire.geozones.geozone_files import HOLE, SQUARE, circle, ed269, ed318, feature, feature_269, polygon

from lowsky.wire.geozones import read
from lowsky.wire.geozones.read import features_of


def test_ed318_gives_polygons_with_holes_circles_and_collections_of_layers():
    low = {"upper": 100, "upperReference": "AGL", "uom": "ft"}
    both = {"type": "GeometryCollection", "geometries": [polygon(SQUARE, HOLE), circle(layer=low)]}
    many = {"type": "MultiPolygon", "coordinates": [[SQUARE], [HOLE]]}
    zones, troubles = features_of(ed318(feature("A1", both, "REQ_AUTHORISATION"), feature("B2", many)))
    assert troubles == []
    first, second = zones[0].pieces
    assert zones[0].restriction == "REQ_AUTHORIZATION" and zones[0].name == "Area A1"
    assert first.rings[0] == tuple(map(tuple, SQUARE[:4])) and len(first.rings) == 2
    assert (first.upper.value_m, first.upper.reference, first.lower.value_m) == (120.0, "AMSL", 0.0)
    assert (second.rings, second.radius_m) == ((((8.02, 45.02),),), 500.0)
    assert second.upper.value_m == pytest.approx(30.48) and second.lower is None
    assert len(zones[1].pieces) == 2 and zones[1].pieces[0].upper is None


def test_a_layer_of_a_collection_is_that_of_its_geometries():
    bare = {"type": "Polygon", "coordinates": [SQUARE]}
    whole = {"type": "GeometryCollection", "layer": {"upper": 50, "upperReference": "WGS84"}, "geometries": [bare]}
    ((zone,), _) = features_of(ed318(feature("A1", whole)))
    assert zone.pieces[0].upper.reference == "WGS84"


def test_ed269_gives_the_same_and_feet_are_feet():
    area, round_ = (
        {"type": "Polygon", "coordinates": [SQUARE]},
        {"type": "Circle", "center": [8.0, 45.0], "radius": 300},
    )
    zones, troubles = features_of(ed269(feature_269("A1", area), feature_269("B2", round_)))
    assert troubles == [] and [zone.pieces[0].radius_m for zone in zones] == [None, 300.0]
    assert zones[0].pieces[0].upper.value_m == pytest.approx(121.92)
    assert zones[0].applies == (), "it is permanent"
    listed = json.dumps({"UASZoneList": [feature_269("A1", area)]}).encode()
    assert len(features_of(listed)[0]) == 1


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "XML"),
        (b"\xef\xbb\xbf  <html>", "XML"),
        (b"", "Input data was truncated"),
        (b'{"features": []}', "no features"),
        (b"[" * 100_000, "Expected `object`"),
        (b'{"features": ' + b"[" * 100_000, ""),
        (b'{"features": [{"type": "Feature"', "Input data was truncated"),
        (b"\xff\xfe{\x00", ""),
        (b'{"features": 7}', "Expected"),
    ],
)
def test_a_file_that_is_none_is_one_trouble(data, found):
    zones, (trouble,) = features_of(data)
    assert zones == [] and trouble.found.startswith(found) and len(trouble.found) <= 200


@pytest.mark.parametrize(
    ("geometry", "found"),
    [
        (None, "no geometry"),
        ({"type": "Point", "coordinates": [8, 45]}, "a Point without an extent"),
        ({"type": "LineString", "coordinates": SQUARE}, "a LineString"),
        ({"type": "GeometryCollection", "geometries": []}, "0 volumes"),
        (circle(radius=-3), "a radius of -3 m"),
        (circle(radius=1e300), "a radius of 1e+300 m"),
        (circle(lon=1e9), "the place [1000000000.0"),
        (polygon([[8.0]]), "the place [8.0]"),
        (polygon([["8", "45"]]), "Expected `float`, got `str`"),
        (polygon(), "a Polygon without places"),
        (polygon([[8.0 + 1e-6 * k, 45.0] for k in range(10_001)]), "10,001 vertices"),
        ({"type": "Polygon", "coordinates": [[[8, 45, 1e400]]]}, "Number out of range"),
    ],
)
def test_a_feature_that_is_wrong_is_one_trouble_with_its_place_and_the_others_are_read(geometry, found):
    text = json.dumps({"features": [feature("A1", circle()), feature("BAD", geometry), feature("C3", circle())]})
    zones, (trouble,) = features_of(text.replace("Infinity", "1e400").encode())
    assert [zone.identifier for zone in zones] == ["A1", "C3"]
    assert trouble.place == "feature 2 (BAD)" and trouble.found.startswith(found) and trouble.expected


def test_a_million_vertices_are_refused_and_a_file_without_end_is_not_read(monkeypatch):
    ring = "[[8,45]" + ",[8.1,45.1],[8,45]" * 500_000 + "]"
    text = ed318(feature("A1", circle()), feature("BIG", {"type": "Polygon", "coordinates": ["RING"]}))
    zones, (trouble,) = features_of(text.replace(b'"RING"', ring.encode()))
    assert len(zones) == 1 and trouble.place == "feature 2 (BIG)" and trouble.found == "9 MiB"
    monkeypatch.setattr(read, "MOST_BYTES", 1000)
    assert "MiB" in features_of(text.ljust(1001))[1][0].found


def test_words_of_a_file_are_anybodys():
    (zone,), _ = features_of(ed318(feature("A\u202e\x00<b>\n" * 40, circle(), "PRO\x1b[31m", name="x\x07" * 100)))
    for words in (zone.identifier, zone.name, zone.restriction, zone.place):
        assert words.isprintable() and len(words) <= 80


def test_limits_that_cannot_be_understood_do_not_limit_and_are_said():
    layer = {"upper": 120, "upperReference": "FL", "lower": 5, "lowerReference": "AGL", "uom": "fathom"}
    (zone,), _ = features_of(ed318(feature("A1", circle(layer=layer))))
    assert zone.pieces[0].upper is None and len(zone.notes) == 2 and "fathom" in zone.notes[0]
