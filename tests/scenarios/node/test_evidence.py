"""GIVEN a node that records WHEN somebody acknowledges an alert THEN its evidence can be exported meanwhile."""

import json
import subprocess
import sys
import zipfile

import pytest

from tests.scenarios.node.harness import PATIENCE_S, PLACE, TRACEBACK, Node, Talk, lone_radar, table, wait_for

pytestmark = pytest.mark.timeout(400)
ZONE = table("[[zone]]", id="yard", shape="circle", radius_m=2000.0, **{k: PLACE[k] for k in list(PLACE)[:2]})
RULE = table("[[rule]]", id="in the yard", priority="high", zones=["yard"], existence=0.5)


def lowsky(folder, *words):
    command = [sys.executable, "-m", "lowsky", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S)


def test_what_was_told_and_done_on_a_running_node_is_in_its_evidence_and_replays(tmp_path):
    plots, site = lone_radar()
    with Node(tmp_path, f"{site}\n{ZONE}\n\n{RULE}\n", tmp_path / "r") as node, Talk(plots):
        node.wait_until_it_runs()
        alert = wait_for(lambda: node.alerts("yard"), "the alert")[0]
        status, told = node.post(f"api/alerts/{alert['id']}/acknowledge", user="Kim", seat="north", note="seen by eye")
        assert status == 200 and told["recorded"]
        made = lowsky(tmp_path, "export-incident", alert["id"], "--recording", "r", "-o", "incident.zip")
        assert made.returncode == 0, made.stderr
        assert node.process.poll() is None and TRACEBACK not in node.said
    assert "still open" in made.stderr
    with zipfile.ZipFile(tmp_path / "incident.zip") as archive:
        facts = json.loads(archive.read("alert.json"))
    assert [(a["what"], a["user"], a["seat"], a["text"]) for a in facts["actions"]] == [
        ("acknowledge", "Kim", "north", "seen by eye")
    ]
    assert facts["alert"]["raised_ns"] / 1e9 == pytest.approx(alert["raised"])
    verified = lowsky(tmp_path, "verify", "incident.zip")
    assert verified.returncode == 0, verified.stderr
