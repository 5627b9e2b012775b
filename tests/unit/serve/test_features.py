"""The features endpoint, by the letter of OGC API – Features Part 1 and as GDAL and OWSLib read it."""

import json
import math
import subprocess
from dataclasses import replace

import msgspec
import pytest
from owslib.ogcapi.features import Features
from tests import needs
from tests.unit.serve.pictures import SITE, T0, alert, picture, snapshot
from tests.unit.serve.test_addresses import get

from lowsky.model.output import OutputStatus
from lowsky.model.zone import Zone

HERE = (SITE.latitude_rad, SITE.longitude_rad)


def around(*places):
    return tuple((HERE[0] + math.radians(north), HERE[1] + math.radians(east)) for north, east in places)


ZONES = (
    Zone(id="tower", shape="circle", corners=(HERE,), reach_m=600.0, ceiling_m=500.0),
    Zone(
        id="yard", shape="polygon", corners=around((0, 0), (0.01, 0), (0.01, 0.01), (0, 0.01)),
    ),
    Zone(id="road", shape="corridor", corners=around((0.1, 0), (0.2, 0)), reach_m=50.0),
)  # fmt: skip


@pytest.fixture
def served(running):
    """Five tracks 1 km apart eastwards, three zones, an alert about a track and one about a sensor."""
    of = snapshot(ids=(1, 2, 3, 4, 5))
    alerts = (alert(track_id=2), replace_alert(sensor="df-1"))
    site = msgspec.structs.replace(SITE, zones=ZONES, exercise=True)
    running.hub.publish(replace(picture(of, alerts=alerts), site=site))
    return running


def replace_alert(**more):
    return msgspec.structs.replace(alert(number=2, title="df-1 down"), **more)


def asked(running, path, status=200):
    found, headers, body = get(running, f"/ogc{path}")
    assert found == status, body
    return json.loads(body), headers


def test_the_way_from_the_landing_page_to_every_feature_is_links(served):
    landing, _ = asked(served, "")
    links = {link["rel"]: link["href"] for link in landing["links"]}
    assert {"self", "service-desc", "conformance", "data"} <= links.keys()
    for rel in ("service-desc", "conformance", "data"):
        assert links[rel].startswith(f"http://127.0.0.1:{served.port}/ogc/")
        asked(served, links[rel].partition("/ogc")[2])
    assert any("core" in name for name in asked(served, "/conformance")[0]["conformsTo"])
    listed, _ = asked(served, "/collections")
    assert [one["id"] for one in listed["collections"]] == ["tracks", "zones", "alerts"]
    for one in listed["collections"]:
        (items,) = [link["href"] for link in one["links"] if link["rel"] == "items"]
        features, headers = asked(served, items.partition("/ogc")[2])
        assert headers["content-type"].startswith("application/geo+json")
        assert features["numberMatched"] == features["numberReturned"] == len(features["features"]) > 0
        assert all(feature["properties"]["exercise"] is True for feature in features["features"])
        first = features["features"][0]
        again, _ = asked(served, f"/collections/{one['id']}/items/{first['id']}")
        assert again["geometry"] == first["geometry"]
    assert "\nlowsky_exercise 1\n" in get(served, "/metrics")[2].decode()


def test_pages_are_followed_by_their_next_links_until_there_is_none(served):
    path, seen = "/collections/tracks/items?limit=2", []
    while path:
        page, _ = asked(served, path)
        assert page["numberMatched"] == 5
        seen += [feature["id"] for feature in page["features"]]
        path = next((link["href"].partition("/ogc")[2] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("bbox=126.605,37.44,126.63,37.46", [1, 2]),
        ("bbox=126.605,37.44,-500,126.63,37.46,500", [1, 2]),
        ("bbox=170,37,-170,38", []),  # over the 180th meridian
        ("bbox=120,37,-170,38", [1, 2, 3, 4, 5]),
        ("datetime=2026-09-21T14:13:20Z", [1, 2, 3, 4, 5]),
        ("datetime=2026-09-21T14:13:20.5Z/..", []),
        ("datetime=../2026-09-21T16:13:21%2B02:00", [1, 2, 3, 4, 5]),
        ("datetime=2026-09-20/2026-09-22&limit=1&offset=4", [5]),
        ("offset=99", []),
        ("limit=999999", [1, 2, 3, 4, 5]),
    ],
)
def test_boxes_times_and_pages_choose(served, query, found):
    assert T0 == 1_790_000_000 * 10**9
    page, _ = asked(served, f"/collections/tracks/items?{query}")
    assert [feature["id"] for feature in page["features"]] == found


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2,3", "bbox=a,b,c,d", "bbox=0,5,1,4", "bbox=nan,0,1,1", "limit=0", "limit=-1", "limit=ten", "offset=-1",
        "datetime=yesterday", "datetime=../..", "datetime=2026-09-22/2026-09-20", "datetime=2026-13-45T00:00:00Z",
        "limit=1&limit=2", "colour=red", "f=html", "limit=" + "9" * 5000,
    ],
)  # fmt: skip
def test_a_query_that_means_nothing_is_refused_with_the_reason(served, query):
    body, _ = asked(served, f"/collections/tracks/items?{query}", 400)
    assert body["description"]


@pytest.mark.parametrize("path", ["/collections/birds", "/collections/birds/items", "/collections/tracks/items/99"])
def test_what_is_not_there_is_not_found(served, path):
    asked(served, path, 404)


def test_before_the_first_picture_there_is_nothing_and_no_error(running):
    assert asked(running, "/collections/zones/items")[0]["features"] == []


def test_gdal_reads_every_collection_over_pages_and_by_a_box(served):
    def layers(*options):
        url = f"OAPIF:http://127.0.0.1:{served.port}/ogc"
        command = [needs.program("ogrinfo"), "-ro", "-al", "-oo", "PAGE_SIZE=2", *options, url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "ERROR" not in done.stderr + done.stdout, done.stderr
        counts, layer = {}, None
        for line in done.stdout.splitlines():
            layer = line.removeprefix("Layer name: ") if line.startswith("Layer name: ") else layer
            counts[layer] = counts.get(layer, 0) + line.startswith("OGRFeature(")
        return counts

    assert {name: n for name, n in layers().items() if name} == {"tracks": 5, "zones": 3, "alerts": 2}
    assert layers("-spat", "126.605", "37.44", "126.63", "37.46")["tracks"] == 2


def test_owslib_reads_it(served):
    api = Features(f"http://127.0.0.1:{served.port}/ogc")
    assert sorted(api.feature_collections()) == ["alerts", "tracks", "zones"]
    assert api.api()["openapi"].startswith("3.0")
    items = api.collection_items(
        "tracks", limit=2, bbox=[126.6, 37.4, 126.7, 37.5], datetime_="2026-09-01T00:00:00Z/.."
    )
    assert items["numberReturned"] == 2
    assert api.collection_item("tracks", "3")["properties"]["track_id"] == 3
    assert items["features"][0]["properties"]["class"] == "multirotor"


def test_outputs_are_in_health_and_metrics_with_labels_of_the_site_file_only(running):
    output = OutputStatus(
        id='control "room"', kind="webhook", status="degraded", trouble="no answer\x1b", sent=7, retries=3, waiting=2,
        oldest_ns=T0 - 60 * 10**9,
    )  # fmt: skip
    running.hub.publish(replace(picture(), outputs=(output,), trouble="Output control room: no answer"))
    (said,) = json.loads(get(running, "/api/health")[2])["outputs"]
    assert (said["status"], said["waiting"], said["oldest"]) == ("degraded", 2, T0 / 1e9 - 60.0)
    assert said["trouble"].isprintable()
    text = get(running, "/metrics")[2].decode()
    for line in ("sent_total", "retries_total", "waiting", "oldest_seconds", "degraded"):
        assert f'lowsky_output_{line}{{output="control \\"room\\""}}' in text
    assert 'lowsky_output_oldest_seconds{output="control \\"room\\""} 60' in text
