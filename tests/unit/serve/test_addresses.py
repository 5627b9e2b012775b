"""The HTTP addresses of the contract, their headers, and who is refused."""

import asyncio
import gzip
import http.client
import json
import math
import re
import threading
import urllib.request

import msgspec
import numpy as np
import pytest
from tests.unit.serve.pictures import SECOND, SENSOR, T0, alert, picture, snapshot

from lowsky.engine.hub import Hub, NoControls
from lowsky.errors import TransportError
from lowsky.model.evidence import EvidenceKind
from lowsky.model.status import Registered, SensorStatus
from lowsky.serve.guard import allowed_names, guarded, host_name, same_origin
from lowsky.serve.run import listen, serve
from lowsky.serve.state import sensor_facts


def get(running, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    try:
        connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


PATHS = (
    "/", "/api/health", "/api/tracks", "/api/tracks/1", "/api/tracks/99", "/api/alerts", "/api/scenes", "/api/zones",
    "/metrics", "/schema", "/static/js/main.js", "/static/nothing.js", "/tiles/0/0/0", "/tiles/8/0/0", "/tiles/99/0/0",
    "/nothing",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_strict_policy(running, path):
    _, headers, _ = get(running, path)
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    for directive in ("default-src", "script-src", "style-src", "worker-src", "font-src", "connect-src"):
        assert policy[directive] == "'self'"
    assert policy["img-src"] == "'self' data: blob:"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


def test_health_names_the_sensors_and_the_mode(running):
    facts = json.loads(get(running, "/api/health")[2])
    assert facts["status"] == "ok"
    assert facts["mode"] == "live"
    assert facts["tracks"] == 3
    assert facts["sensors"][0]["id"] == "df-1"
    assert {"id", "status", "last_seen", "rate_hz"} <= facts["sensors"][0].keys()
    down = SensorStatus(
        id="a", kind="radar", status="down", latitude_rad=0.6, longitude_rad=2.2, height_m=0.0,
        last_seen_ns=None, rate_hz=0.0,
    )  # fmt: skip
    running.hub.publish(picture(sensors=(down,)))
    assert json.loads(get(running, "/api/health")[2])["status"] == "degraded"


def test_registration_is_told_with_its_uncertainty_and_null_where_it_is_not_observable():
    assert sensor_facts(SENSOR)["registration"] is None
    told = Registered(corrected=True, range_m=(60.123, 0.9), azimuth_rad=(math.radians(-1.5), math.radians(0.02)))
    facts = sensor_facts(msgspec.structs.replace(SENSOR, registration=told))["registration"]
    assert facts["range_m"] == [60.12, 0.9]
    assert facts["azimuth_deg"] == [-1.5, 0.02]
    assert facts["time_s"] is None
    assert facts["text"] == "+60.1 ± 0.9 m in range, -1.50 ± 0.02° in azimuth (corrected)"
    assert str(Registered(corrected=False)) == "not observable yet"


def test_tracks_are_geojson_and_a_wedge_has_no_point(running):
    of = snapshot(
        position_kind=np.array([1, 2, 1], np.uint8), origin_sensor=np.array([-1, 0, -1], np.int16),
        bearing=np.array([[np.nan, np.nan], [1.0, 0.1], [np.nan, np.nan]]), identity=("\x07id", None, None),
        texts={"operator_id": ("FIN87astrdge12k8", None, None)},
        attributes={"operator_latitude_rad": np.full(3, 0.65), "nic": np.array([8.0, np.nan, np.nan])},
    )  # fmt: skip
    running.hub.publish(picture(of))
    status, headers, body = get(running, "/api/tracks")
    assert status == 200
    assert headers["content-type"].startswith("application/geo+json")
    features = json.loads(body)["features"]
    assert [f["geometry"] is None for f in features] == [False, True, False]
    assert features[0]["geometry"]["coordinates"][1] == pytest.approx(37.45, abs=0.01)
    assert features[0]["properties"]["north_mps"] == pytest.approx(10.0, abs=0.01)
    assert features[1]["properties"]["azimuth_deg"] == pytest.approx(57.3, abs=0.1)
    assert features[1]["properties"]["seen_from"] == "df-1"
    assert features[0]["properties"]["identity"] == "\N{REPLACEMENT CHARACTER}id"


def test_who_operates_a_drone_and_from_where_does_not_leave(running):
    of = snapshot(
        texts={"operator_id": ("FIN87astrdge12k8", None, None)},
        attributes={
            "operator_latitude_rad": np.full(3, 0.65), "operator_longitude_rad": np.full(3, 2.2), "nic": np.full(3, 8.0)
        },
    )  # fmt: skip
    running.hub.publish(picture(of))
    for path in ("/api/tracks", "/api/tracks/1"):
        body = get(running, path)[2].decode()
        assert "FIN87" not in body
        assert "operator_latitude" not in body
        assert re.search(r'"operator":"operator-[0-9a-f]{8}"', body)
    assert json.loads(get(running, "/api/tracks/1")[2])["attributes"] == {"nic": 8.0}


def test_the_card_says_which_sensors_saw_it_and_what_it_may_be(running):
    card = json.loads(get(running, "/api/tracks/1")[2])
    assert [c["class"] for c in card["classes"]] == ["multirotor", "bird"]
    assert card["sensors"][0]["id"] == "df-1"
    assert get(running, "/api/tracks/99")[0] == 404


def test_the_card_says_which_kinds_of_evidence_speak_for_a_drone(running):
    evidence = np.zeros((3, len(EvidenceKind)))
    evidence[0, EvidenceKind.RADIO], evidence[0, EvidenceKind.MOTION] = 21.0, -4.04
    running.hub.publish(picture(snapshot(drone_evidence=evidence)))
    card = json.loads(get(running, "/api/tracks/1")[2])
    assert card["drone_evidence_db"] == {"motion": -4.0, "radio": 21.0}
    assert card["evidence_kinds"] == 1


def test_a_track_is_the_same_in_the_collection_and_on_its_card(running):
    probability = np.zeros((3, 14))
    probability[0, 1], probability[1, :3], probability[2] = 0.9, (0.4, 0.3, 0.3), 1 / 14
    running.hub.publish(picture(snapshot(class_probability=probability, identity=(None, "me", None))))
    features = json.loads(get(running, "/api/tracks")[2])["features"]
    assert len({f["properties"]["class"] for f in features}) > 1
    for feature in features:
        assert json.loads(get(running, f"/api/tracks/{feature['id']}")[2])["track"] == feature


def test_alerts_come_newest_first(running):
    running.hub.publish(picture(alerts=(alert(number=1), alert(number=2, raised_ns=T0 + SECOND))))
    assert [a["id"] for a in json.loads(get(running, "/api/alerts")[2])] == [2, 1]


def test_metrics_are_prometheus_text_with_bounded_labels(running):
    text = get(running, "/metrics")[2].decode()
    assert 'lowsky_tracks{status="confirmed"} 3' in text
    assert "\nlowsky_exercise 0\n" in text
    assert 'lowsky_sensor_records_total{sensor="df-1",outcome="late"} 1' in text
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+0-9.e]+', line), line


def test_the_schema_names_every_address(running):
    paths = json.loads(get(running, "/schema")[2])["paths"]
    assert {"/api/health", "/api/tracks", "/api/alerts", "/api/scenes", "/metrics"} <= paths.keys()


def test_the_page_comes_zipped_and_is_not_sent_twice(running):
    status, headers, body = get(running, "/static/js/main.js", Accept_Encoding="gzip")
    assert status == 200
    assert headers["content-encoding"] == "gzip"
    assert b"class App" in gzip.decompress(body)
    assert headers["content-type"].startswith("text/javascript")
    assert get(running, "/static/js/main.js", If_None_Match=headers["etag"])[0] == 304


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/js"])
def test_no_path_leads_out_of_the_page(running, path):
    assert get(running, path)[0] == 404


def test_a_host_name_that_is_not_ours_is_refused(running):
    assert get(running, "/api/health", Host="rebound.example")[0] == 421
    assert get(running, "/api/health", Host=f"localhost:{running.port}")[0] == 200


def test_host_and_origin_rules():
    assert host_name("[::1]:8000") == "::1"
    assert allowed_names("0.0.0.0") is None
    assert allowed_names("192.168.1.5") == {"192.168.1.5"}
    assert "localhost" in allowed_names("127.0.0.1")
    assert allowed_names("0:0:0:0:0:0:0:0") is None
    assert allowed_names("Harbour", "192.168.1.5") == {"harbour", "192.168.1.5"}  # Host arrives in lower case
    assert {"harbour", "localhost"} <= allowed_names("Harbour", "127.0.1.1")
    assert same_origin("http://localhost:8000", "localhost:8000")
    assert same_origin("", "localhost:8000")
    for foreign in ("http://evil.example", "http://localhost:9000", "null", "file://localhost:8000", "http://[bad"):
        assert not same_origin(foreign, "localhost:8000"), foreign


@pytest.mark.parametrize("twice", [b"origin", b"host"])
def test_a_header_given_twice_does_not_pass_for_one_that_is_missing(twice):
    sent, reached = [], []

    async def app(scope, receive, send):
        reached.append(scope)

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost:8000"), (b"origin", b"http://localhost:8000")]
    guard = guarded(app, allowed_names("127.0.0.1"))
    asyncio.run(guard({"type": "websocket", "headers": headers}, receive, send))
    assert len(reached) == 1
    again = [pair for pair in headers if pair[0] == twice]
    asyncio.run(guard({"type": "websocket", "headers": headers + again}, receive, send))
    assert len(reached) == 1
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_address_that_is_printed_is_answered(monkeypatch):
    """Told a name, it prints the number behind the name: a Host of either must pass."""
    monkeypatch.setattr("lowsky.serve.run.listen", lambda _, port: listen("127.0.0.1", port))
    stop, up, address = threading.Event(), threading.Event(), []
    told = {"port": 0, "host": "harbour.example", "ready": lambda url: (address.append(url), up.set()), "stop": stop}
    thread = threading.Thread(target=serve, args=(Hub(), NoControls()), kwargs=told)
    thread.start()
    try:
        assert up.wait(30.0)
        with urllib.request.urlopen(address[0] + "api/health", timeout=10) as answer:
            assert answer.status == 200
    finally:
        stop.set()
        thread.join(15.0)


def test_a_port_in_use_is_one_clear_line(running):
    with pytest.raises(TransportError) as raised:
        serve(Hub(), NoControls(), port=running.port, stop=threading.Event())
    text = str(raised.value)
    assert f"127.0.0.1:{running.port}" in text
    assert "in use" in text
    assert "\n" not in text
