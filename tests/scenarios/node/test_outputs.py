"""GIVEN a node with outputs WHEN alerts live and die THEN others are told, durably, and a bad receiver harms nobody."""

import contextlib
import hashlib
import hmac
import socket
import subprocess

from lxml import etree

from tests import needs
from tests.capped import assert_valid, new_key, texts
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


def cap(name, **keys):
    return table("[[output]]", id=name, kind="cap", sender="lowsky@harbour.example", **keys)


@contextlib.contextmanager
def tak_map():
    """Everything that TAK clients hear; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        ear.bind(("127.0.0.1", 0))
        yield ear


def heard(ear):
    ear.settimeout(0.0)
    with contextlib.suppress(BlockingIOError):
        while True:
            yield etree.fromstring(ear.recv(65_536))


def assert_told_as_cap(folder, public_key, events):
    """A file for each occurrence, valid, signed, and each after the first naming all before it."""
    bodies = [(folder / f"lowsky-{event['id']}.xml").read_bytes() for event in events]
    own = [",".join(texts(body, name)[0] for name in ("c:sender", "c:identifier", "c:sent")) for body in bodies]
    for k, body in enumerate(bodies):
        assert_valid(body)
        verify = [needs.program("xmlsec1"), "--verify", "--pubkey-pem", public_key, "-"]
        assert subprocess.run(verify, input=body, capture_output=True, check=False).returncode == 0
        of_this = [j for j in range(k) if events[j]["subject"] == events[k]["subject"]]
        assert "".join(texts(body, "c:references")) == " ".join(own[j] for j in of_this)
        over = "Cancel" if events[k]["type"].endswith("cleared") else "Update"
        assert texts(body, "c:msgType") == [over if of_this else "Alert"]
    assert texts(bodies[0], "c:info/c:area/c:circle")[0].startswith("37.4")


def assert_told_on_tak(ear):
    kinds = [event.get("type") for event in heard(ear)]
    assert kinds.index("b-a-g") < kinds.index("b-a-o-can")
    assert any(kind.startswith("a-u-A") for kind in kinds)


def test_an_alert_reaches_webhook_cap_and_tak_signed_and_complete_and_so_does_its_end(tmp_path):
    (tmp_path / "key").write_text(KEY + "\n")
    private, public = new_key()
    (tmp_path / "cap.pem").write_bytes(private)
    (tmp_path / "public.pem").write_bytes(public)
    plots = Plots("radar-1", free_port(), drones=((1500.0, 40.0),))
    # given receivers, and one that is not there
    with Hook() as hook, tak_map() as ear:
        outputs = (
            webhook("control room", hook.url, secret_file="key"),
            webhook("gone", "http://127.0.0.1:9/"),
            cap("civil protection", folder="warnings", signing_key_file="cap.pem", sensors=True),
            table("[[output]]", id="tak", kind="cot", address=f"udp://127.0.0.1:{ear.getsockname()[1]}"),
        )
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
                "civil protection": "ok",
                "tak": "ok",
            }
            assert node.said.count("output gone") == 1
            assert node.end() == 0
        # and the same is told by the others
        assert_told_as_cap(tmp_path / "warnings", tmp_path / "public.pem", events)
        assert_told_on_tak(ear)
