"""GIVEN a node with outputs WHEN alerts live and die THEN others are told, durably, and a bad receiver harms nobody."""

import hashlib
import hmac

from tests.receivers import Hook
from tests.scenarios.node.harness import Node, Plots, Talk, feed, free_port, radar, site_text, table, wait_for

KEY = "not a real key"


def rule(**keys):
    return table("[[rule]]", **({"id": "anything", "priority": "high", "on_s": 0.0, "off_s": 2.0} | keys))


def webhook(name, url, **keys):
    return table("[[output]]", **({"id": name, "kind": "webhook", "url": url} | keys))


def site(plots, *outputs):
    sensor = radar("radar-1", latency_s=0.0)
    return site_text(sensor, feed("radar-1", plots.port), rule(), *outputs)


def test_an_alert_reaches_a_webhook_signed_and_complete_and_so_does_its_end(tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    plots = Plots("radar-1", free_port(), drones=((1500.0, 40.0),))
    # given a receiver, and one that is not there
    with Hook() as hook:
        outputs = webhook("control room", hook.url, secret_file="key"), webhook("gone", "http://127.0.0.1:9/")
        with Node(tmp_path, site(plots, *outputs), record=tmp_path / "record") as node:
            node.wait_until_it_runs()
            # when a drone is there
            with Talk(plots):
                raised = wait_for(hook.events, "an alert")[0]
            # and then it is not
            events = wait_for(lambda: (e := hook.events())[-1]["type"].endswith("cleared") and e, "its end")
            # then all of the alert is told, in order, and signed
            data = raised["data"]
            assert (raised["type"], raised["sequence"]) == ("lowsky.alert.raised", "000000000001")
            assert {name: data[name] for name in ("rule", "priority", "exercise", "repeat")} == {
                "rule": "anything",
                "priority": "high",
                "exercise": False,
                "repeat": False,
            }
            assert 37.4 < data["tracks"][0]["latitude_deg"] < 37.5 and data["tracks"][0]["radius_95_m"] > 1.0
            assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
            assert events[-1]["subject"] in {event["subject"] for event in events[:-1]}
            for _, headers, body in hook.got:
                stamp, mac = (part.split("=")[1] for part in headers["lowsky-signature"].split(","))
                assert hmac.new(KEY.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest() == mac
            # and the one that is not there is degraded, which the node says once, in one place
            health = wait_for(lambda: (h := node.health())["status"] == "degraded" and h, "the output to be degraded")
            assert {output["id"]: output["status"] for output in health["outputs"]} == {
                "control room": "ok",
                "gone": "degraded",
            }
            assert node.said.count("output gone") == 1
            assert node.end() == 0
