"""GIVEN files that are missing, cut off or something else WHEN a command reads them THEN it says what is wrong."""

import json
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from lowsky.cli.main import main
from lowsky.record.writer import Recorder
from tests.fuzz.cases import recorded_files
from tests.scenarios.node.harness import TRACEBACK, feed, radar, receiver, site_text

DATA = Path(__file__).parents[2] / "feeds"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What good files look like: a short simulated raid, tracked."""
    folder = tmp_path_factory.mktemp("made")
    for command in (
        ("simulate", "harbour-raid", "--seed", "3", "--duration", "20", "-o", folder),
        ("track", folder / "site.toml", folder / "measurements.parquet", "-o", folder / "tracks.parquet"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in command])
        assert ended.value.code == 0
    return folder


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """Bits flipped all over, the first and last bytes (what tells the format) left."""
    draw, content = random.Random(7), bytearray(path.read_bytes())
    for _ in range(200):
        content[draw.randrange(8, len(content) - 8)] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def noise(path):
    path.write_bytes(random.Random(8).randbytes(5000))


def nothing(path):
    path.write_bytes(b"")


def folder_instead(path):
    path.unlink()
    path.mkdir()


def missing(path):
    path.unlink()


def other_table(path):
    pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}).write_parquet(path)


def no_rows(path):
    pl.read_parquet(path).clear().write_parquet(path)


def text(path):
    path.write_text("time,sensor\nyesterday,radar-1\n")


DAMAGE = [cut, flip, noise, nothing, folder_instead, missing, other_table, text]


def copied(made, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(made, folder)
    return folder


def left_behind(folder, before):
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p not in before)


def says_so(status, err, *statuses):
    """Short lines, each with what was found and what would be right, where the contract has it so."""
    assert status in (statuses or (2,)), err
    assert 1 <= len(err) <= 20, err
    assert not any(TRACEBACK in line or "Error(" in line for line in err), err
    if status == 2:
        assert all("; expected " in line for line in err), err


@pytest.mark.parametrize("damage", DAMAGE)
def test_tracking_a_damaged_table_says_what_is_wrong_and_leaves_no_table(made, tmp_path, run_here, damage):
    folder = copied(made, tmp_path)
    damage(folder / "measurements.parquet")
    (folder / "tracks.parquet").unlink()
    before = set(folder.rglob("*"))
    status, _, err = run_here(
        "track", folder / "site.toml", folder / "measurements.parquet", "-o", folder / "tracks.parquet"
    )
    says_so(status, err)
    assert left_behind(folder, before) == []


@pytest.mark.parametrize("name", ["tracks.parquet", "truth.parquet"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_scoring_damaged_tables_says_what_is_wrong_and_leaves_no_report(made, tmp_path, run_here, damage, name):
    folder = copied(made, tmp_path)
    damage(folder / name)
    before = set(folder.rglob("*"))
    status, _, err = run_here(
        "evaluate", folder / "tracks.parquet", folder / "truth.parquet",
        "-o", folder / "report.html", "--json", folder / "metrics.json",
    )  # fmt: skip
    says_so(status, err)
    assert left_behind(folder, before) == []


def test_an_empty_table_is_no_fault(made, tmp_path, run_here):
    folder = copied(made, tmp_path)
    no_rows(folder / "measurements.parquet")
    status, _, err = run_here(
        "track", folder / "site.toml", folder / "measurements.parquet", "-o", folder / "t.parquet"
    )
    assert (status, len(pl.read_parquet(folder / "t.parquet"))) == (0, 0), err
    status, _, err = run_here("evaluate", folder / "t.parquet", folder / "truth.parquet", "--json", folder / "m.json")
    assert status == 0, err
    assert json.loads((folder / "m.json").read_text())


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize("name", ["asterix", "beast", "modes-jsonl", "remote-id"])
def test_tracking_a_damaged_recording_of_any_feed_counts_or_refuses_it(tmp_path, run_here, name, damage):
    from lowsky.feeds.registry import feed_named

    manifest = feed_named(name).MANIFEST
    source = recorded_files(name, manifest)[0]
    path = tmp_path / source.name
    shutil.copyfile(source, path)
    damage(path)
    site = tmp_path / "site.toml"
    sensor = receiver("one") if "cooperative" in manifest.sensor_kinds else radar("one")
    site.write_text(site_text(sensor, feed("one", 4000, manifest.sources[0], format=name)))
    status, _, err = run_here("track", site, f"one={path}", "-o", tmp_path / "t.parquet")
    if status == 0:
        assert pl.read_parquet_schema(tmp_path / "t.parquet")["track_id"] == pl.Int64
    else:
        says_so(status, err)
        assert not list(tmp_path.glob("t.parquet*"))


def test_outputs_that_cannot_be_written_are_said_before_the_work(made, tmp_path, run_here):
    folder = copied(made, tmp_path)
    (folder / "a-folder").mkdir()
    table, site = folder / "measurements.parquet", folder / "site.toml"
    before = set(folder.rglob("*"))
    for command in (
        ("track", site, table, "-o", folder / "nowhere" / "t.parquet"),
        ("track", site, table, "-o", folder / "a-folder"),
        ("track", site, table, "-o", folder / "t.parquet", "--alerts", folder / "nowhere" / "alerts.jsonl"),
        ("track", site, table, "-o", folder / "t.parquet", "--alerts", folder / "a-folder"),
        ("evaluate", folder / "tracks.parquet", folder / "truth.parquet", "-o", folder / "nowhere" / "r.html"),
        ("evaluate", folder / "tracks.parquet", folder / "truth.parquet", "--json", folder / "a-folder"),
        ("track", site, table, "-o", folder / "t", "--alerts", folder / "t"),
        ("evaluate", folder / "tracks.parquet", folder / "truth.parquet", "-o", folder / "r", "--json", folder / "r"),
        ("simulate", "harbour-raid", "--duration", "2", "-o", site),
        ("simulate", "harbour-raid", "--duration", "2", "-o", site / "below"),
    ):
        status, _, err = run_here(*command)
        says_so(status, err, 1, 2)
        assert left_behind(folder, before) == [], command


def without_room(*command):
    """Status and stderr of a command none of whose files may grow beyond 1 kB: to a program that is a full disk."""
    ended = subprocess.run(
        [sys.executable, "-m", "lowsky", *map(str, command)], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )  # fmt: skip
    return ended.returncode, ended.stderr.splitlines()


def test_a_full_disk_is_one_clear_line_and_leaves_nothing_half_written(made, tmp_path, tmp_path_factory, run_here):
    # what is compiled is kept on disk, too: that has happened before the disk is full
    warm = tmp_path_factory.mktemp("warm")
    assert run_here("evaluate", made / "tracks.parquet", made / "truth.parquet", "-o", warm / "r.html")[0] == 0
    assert run_here("simulate", "harbour-raid", "--duration", "2", "-o", warm / "out")[0] == 0
    table, site, out = made / "measurements.parquet", made / "site.toml", tmp_path / "out"
    for command in (
        ("track", site, table, "-o", tmp_path / "t.parquet"),
        ("evaluate", made / "tracks.parquet", made / "truth.parquet", "-o", tmp_path / "r.html"),
        ("simulate", "harbour-raid", "--duration", "20", "-o", out),
    ):
        status, err = without_room(*command)
        assert (status, len(err)) == (1, 1), (command, err)
        assert "cannot be written" in err[0] and TRACEBACK not in err[0], err
        assert left_behind(tmp_path, set()) == [], command


def test_names_that_look_like_markup_are_said_as_they_are(tmp_path, run_here):
    site = tmp_path / "site.toml"
    site.write_text(site_text(radar("a[/]b"), feed("a[/]b", 4000).replace("127.0.0.1", "[fe80::1]"), name=":bell:"))
    status, out, _ = run_here("check", site)
    said = "\n".join(out)
    assert (status, ":bell:" in said, "a[/]b" in said, "[fe80::1]" in said) == (0, True, True, True), said
    status, _, err = run_here("simulate", "crossing", "--duration", "2", "-o", tmp_path / "out[" / "]")
    assert (status, str(tmp_path / "out[" / "]") in err[0]) == (0, True), err


@pytest.mark.parametrize("damage", [cut, flip, noise, nothing, folder_instead, missing, text])
def test_a_damaged_scenario_says_what_is_wrong(tmp_path, run_here, damage):
    path = tmp_path / "scenario.toml"
    path.write_text('[scenario]\nname = "x"\n' * 3)
    damage(path)
    before = set(tmp_path.rglob("*"))
    status, _, err = run_here("simulate", path, "-o", tmp_path / "out")
    says_so(status, err)
    assert left_behind(tmp_path, before) == []


def test_numbers_that_make_no_sense_are_wrong_commands(made, tmp_path, run_here):
    for command in (
        ("simulate", "harbour-raid", "--duration", "-5", "-o", tmp_path),
        ("simulate", "harbour-raid", "--duration", "nan", "-o", tmp_path),
        ("simulate", "no-such-scenario", "-o", tmp_path),
        ("replay", tmp_path, "--speed", "fast"),
        ("replay", tmp_path / "nowhere"),
        ("demo", "--no-browser", "--speed", "0"),
        ("track", made / "site.toml", "-o", tmp_path / "t.parquet"),
    ):
        status, _, err = run_here(*command)
        says_so(status, err)
    for command in (("simulate", "harbour-raid", "--seed", "x", "-o", tmp_path), ("trak",), ("run",), ("run", "-x")):
        status, _, _ = run_here(*command)
        assert status == 2, command


def test_replaying_what_is_no_recording_is_one_clear_line(tmp_path, run_here):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("hello")
    noise(tmp_path / "000001-20261120T12Z.parquet")
    noise(tmp_path / "000002-20261120T12Z.sqlite")
    for path in (tmp_path / "empty", tmp_path / "file", tmp_path):
        status, _, err = run_here("replay", path, "--port", "0")
        says_so(status, err, 1, 2)
        assert len(err) == 1, err


def test_replaying_a_recording_whose_site_file_is_wrong_says_so(tmp_path, run_here):
    from lowsky.model.ports import Tick

    recorder = Recorder(tmp_path / "r", "[site]\nname = 3\n", "0.1.0")
    recorder.put(Tick(1_790_000_000_000_000_000))
    recorder.close()
    status, _, err = run_here("replay", tmp_path / "r", "--port", "0")
    says_so(status, err)
