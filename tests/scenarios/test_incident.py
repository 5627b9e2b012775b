"""GIVEN a recorded incident WHEN it is exported THEN the bundle says what happened, and shows every change to it."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from lowsky.cli.main import main
from lowsky.engine.incident.archive import write_archive
from lowsky.engine.incident.manifest import canonical, chained, read_manifest
from lowsky.engine.incident.verify import verify_bundle
from tests.incidents import SITE, record, ticks

pytestmark = pytest.mark.timeout(400)
PARTS = ["README.txt", "report.html", "site.toml", "alert.json", "events.jsonl", "tracks.jsonl", "state.bin"]


def command(*words):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return ended.value.code


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A recording of four minutes with an alert in the third, which somebody acknowledges, and its bundle."""
    place = tmp_path_factory.mktemp("incident")
    stream = ticks(270, 150, 215, np.random.default_rng(100), silent=range(225, 245))
    recorder, raised = record(place / "recording", stream)
    recorder.close()
    number = next(n for n, title in raised.items() if "yard" in title)
    bundle = place / "incident.zip"
    assert command("export-incident", number, "--recording", place / "recording", "-o", bundle) == 0
    return place / "recording", bundle, number


def parts_of(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_exported_incident_is_verified_to_the_last_bit(world, capsys):
    assert command("verify", world[1]) == 0
    said = capsys.readouterr().err
    assert "the same" in said and "last digits" not in said


def test_the_bundle_holds_every_part_and_begins_from_a_saved_state(world):
    parts = parts_of(world[1])
    assert list(parts)[1:8] == PARTS
    manifest = read_manifest(parts["manifest.json"])
    assert manifest.slice.has_state and manifest.is_exercise
    assert manifest.alert.cleared_ns is not None and manifest.alert.state == "cleared"
    assert {"lowsky", "python", "numba", "packages_sha256"} <= manifest.software.keys()


def test_the_history_says_who_did_what_and_when(world):
    facts = json.loads(parts_of(world[1])["alert.json"])
    assert [e["type"] for e in facts["history"]][:1] == ["AlertRaised"]
    assert {"AlertAcknowledged", "AlertCleared"} <= {e["type"] for e in facts["history"]}
    (action,) = facts["actions"]
    assert (action["what"], action["user"], action["seat"]) == ("acknowledge", "Kim <b>", "north")


def test_who_is_told_stays_out_and_that_is_said(world):
    parts = parts_of(world[1])
    assert b"[[output]]" in SITE.encode() and b"louder_after_s" in parts["site.toml"]
    everything = b"".join(parts.values())
    assert b"alarm.example" not in everything and b"hook-secret" not in everything
    assert any("output" in what for what in read_manifest(parts["manifest.json"]).left_out)


def test_the_report_stands_alone_and_shows_text_as_text(world):
    page = parts_of(world[1])["report.html"].decode()
    assert "default-src 'none'" in page and "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert "Kim &lt;b&gt;" in page and "Kim <b>" not in page and "EXERCISE" in page
    assert "radar-1" in page and "stale" in page.split("What may not have been seen")[1]
    for name in ("map", "existence", "classes", "speed", "height"):
        assert f'id="{name}"' in page


@pytest.mark.parametrize("name", ["manifest.json", *PARTS, "recording"])
def test_one_byte_changed_in_any_part_is_found_and_named(world, tmp_path, name):
    parts = parts_of(world[1])
    name = next(part for part in parts if part.startswith(name))
    content = bytearray(parts[name])
    content[len(content) // 2] ^= 1
    parts[name] = bytes(content)
    changed = tmp_path / "changed.zip"
    write_archive(changed, list(parts.items()))
    found = verify_bundle(changed, is_replayed=False)
    assert found.wrong is not None and found.wrong.startswith(f"changed: {name}"), found


def again(parts, path):
    """A bundle whose chain was made new after its parts were changed."""
    from hashlib import sha256

    head = read_manifest(parts["manifest.json"])
    new = chained(head, ((n, len(c), sha256(c).hexdigest()) for n, c in parts.items() if n != "manifest.json"))
    write_archive(path, list((parts | {"manifest.json": canonical(new)}).items()))
    return path


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("tracks.jsonl", b'"status":"confirmed"', b'"status":"tentative"', "tracks.jsonl: track T"),
        ("events.jsonl", b'"user":"Kim <b>"', b'"user":"Lee <b>"', "AlertAcknowledged"),
        ("alert.json", b'"user": "Kim <b>"', b'"user": "Lee <b>"', "alert.json: its history"),
        ("site.toml", b"radius_m = 800.0", b"radius_m = 200.0", "cannot be replayed"),
    ],
)
def test_a_change_under_a_new_chain_is_found_by_the_replay(world, tmp_path, name, old, new, says):
    parts = parts_of(world[1])
    assert old in parts[name]
    parts[name] = parts[name].replace(old, new)
    found = verify_bundle(again(parts, tmp_path / "forged.zip"))
    assert found.wrong is not None and says in found.wrong, found


def test_a_site_file_that_would_open_a_file_of_the_reader_is_not_read(world, tmp_path):
    parts = parts_of(world[1])
    parts["site.toml"] += b'\n[[zone_file]]\nid = "x"\npath = "/etc/hostname"\n'
    found = verify_bundle(again(parts, tmp_path / "forged.zip"))
    assert "names a zone file" in found.wrong


def test_another_version_is_said(world, tmp_path, monkeypatch):
    import lowsky.engine.incident.verify as module

    monkeypatch.setattr(module.lowsky, "__version__", "9.9.9")
    found = verify_bundle(world[1], is_replayed=False)
    assert found.wrong is None and "this is 9.9.9" in found.remarks[0]


def test_an_unknown_number_is_answered_with_those_that_exist(world, tmp_path, capsys):
    assert command("export-incident", 999, "--recording", world[0], "-o", tmp_path / "x.zip") == 2
    said = capsys.readouterr().err
    assert "no alert 999" in said and f"{world[2]} (" in said
    assert list(tmp_path.iterdir()) == []


def test_an_open_incident_of_a_recording_that_is_still_written_is_exported_and_said_so(tmp_path, capsys):
    recorder, raised = record(tmp_path / "r", ticks(75, 5, 500, np.random.default_rng(101)), act=False)
    try:
        number = next(n for n, title in raised.items() if "yard" in title)
        assert command("export-incident", number, "--recording", tmp_path / "r", "-o", tmp_path / "open.zip") == 0
    finally:
        recorder.close(0.0)
    said = capsys.readouterr().err
    assert "still open" in said and "begins shortly before" in said
    parts = parts_of(tmp_path / "open.zip")
    assert "state.bin" not in parts and read_manifest(parts["manifest.json"]).alert.cleared_ns is None
    shutil.rmtree(tmp_path / "r")  # the bundle needs nothing else
    assert command("verify", tmp_path / "open.zip") == 0
