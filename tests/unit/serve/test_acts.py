"""What people do with alerts, over HTTP: strictly read, only from the page or a program, and answered plainly."""

import http.client
import json

import msgspec
import pytest
from tests.unit.serve.pictures import SECOND, T0, alert

from lowsky.engine.hub import Outcome
from lowsky.model.status import Alert
from lowsky.serve.acts import parsed
from lowsky.serve.state import alert_facts, waiting_facts

WHO = {"user": "Kim", "seat": "tower 2"}
SHELF = WHO | {"reason": "training", "minutes": 30}


def post(running, path, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    try:
        connection.request("POST", path, data, sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_acts_go_to_the_node_with_who_where_and_what(running):
    running.controls.outcome = Outcome(is_recorded=True, alert=alert(number=7))
    for what, body in (
        ("acknowledge", WHO | {"note": "seen"}),
        ("shelve", SHELF),
        ("unshelve", WHO),
        ("note", WHO | {"text": "a kite"}),
    ):
        status, told = post(running, f"/api/alerts/7/{what}", body)
        assert (status, told["recorded"], told["alert"]["id"]) == (200, True, 7)
    asked = running.controls.asked
    assert [(a.what, a.alert_id, a.user, a.seat, a.text, a.limit_s) for a in asked] == [
        ("acknowledge", 7, "Kim", "tower 2", "seen", 0),
        ("shelve", 7, "Kim", "tower 2", "training", 1800),
        ("unshelve", 7, "Kim", "tower 2", "", 0),
        ("note", 7, "Kim", "tower 2", "a kite", 0),
    ]
    assert len({a.key for a in asked}) == 4


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("acknowledge", {}),
        ("acknowledge", {"user": ""}),
        ("acknowledge", {"user": " \t "}),
        ("acknowledge", {"user": "x" * 65}),
        ("acknowledge", {"user": 5}),
        ("acknowledge", WHO | {"admin": True}),
        ("acknowledge", WHO | {"key": "no spaces, please"}),
        ("acknowledge", WHO | {"raised": -1}),
        ("acknowledge", []),
        ("acknowledge", b"\xff"),
        ("acknowledge", b"[" * 4000),
        ("shelve", WHO | {"minutes": 30}),
        ("shelve", SHELF | {"reason": ""}),
        ("shelve", SHELF | {"minutes": 481}),
        ("shelve", SHELF | {"minutes": 0}),
        ("shelve", SHELF | {"minutes": 30.5}),
        ("note", WHO),
    ],
)
def test_a_body_that_is_not_as_it_should_be_is_refused_in_one_line(running, what, body):
    status, told = post(running, f"/api/alerts/1/{what}", body)
    assert status == 400 and told["detail"] and "\n" not in told["detail"]
    assert running.controls.asked == []


def test_a_body_without_end_is_not_read(running):
    assert post(running, "/api/alerts/1/note", b"x" * 5000)[0] == 413


def test_another_site_cannot_act_through_the_browser_of_an_operator(running):
    here = f"127.0.0.1:{running.port}"
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": f"http://{here}"},
    ):
        assert post(running, "/api/alerts/1/acknowledge", WHO, **headers)[0] == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert post(running, "/api/alerts/1/acknowledge", WHO, content_type=kind)[0] == 415
    assert running.controls.asked == []
    own = {"origin": f"http://{here}", "sec_fetch_site": "same-origin"}
    assert post(running, "/api/alerts/1/acknowledge", WHO, **own)[0] == 200


@pytest.mark.parametrize(("refused", "status"), [("unknown", 404), ("stale", 409), ("impossible", 409), ("busy", 503)])
def test_what_cannot_be_done_says_why(running, refused, status):
    running.controls.outcome = Outcome(refused, "because")
    assert post(running, "/api/alerts/1/acknowledge", WHO) == (status, {"detail": "because"})


def test_what_is_done_and_not_on_disk_is_not_called_recorded(running):
    running.controls.outcome = Outcome(trouble="the disk is full")
    status, told = post(running, "/api/alerts/1/acknowledge", WHO)
    assert (status, told["recorded"]) == (202, False) and "the disk is full" in told["detail"]


def test_hostile_names_and_reasons_are_one_line_of_visible_text():
    body = json.dumps({"user": "Kim\u202e\x00", "reason": "a\n\n<img onerror=x>\u200b", "minutes": 15}).encode()
    action = parsed("shelve", 1, body)
    assert action.user == "Kim��"
    assert action.text == "a <img onerror=x>�", "markup stays text: the page shows it as text"


def test_what_there_is_to_hear_is_new_by_its_time_also_of_the_nodes_own_and_of_what_becomes_more_urgent():
    def newest(*alerts):
        return waiting_facts(alerts)["newest"]

    old, low = alert(number=7, raised_ns=T0), Alert(id=8, priority="low", title="x", raised_ns=T0 + 5 * SECOND)
    own = Alert(id=0, priority="medium", title="Recording: the disk is full", raised_ns=T0 + 9 * SECOND)
    higher = msgspec.structs.replace(low, priority="medium", waits_ns=T0 + 20 * SECOND)
    seen = msgspec.structs.replace(higher, acknowledged_ns=T0 + 21 * SECOND)
    t = T0 / 1e9
    assert [newest(), newest(old, low), newest(old, own), newest(old, higher), newest(old, seen)] == [
        0, t, t + 9, t + 20, t,
    ]  # fmt: skip
    assert alert_facts(higher)["new_since"] == t + 20, "the page counts alike"
