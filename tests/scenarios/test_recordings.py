"""GIVEN recorded traffic WHEN it is tracked THEN each aircraft has one track, always there, within 30 m of its reports.

The recordings of the package always run; the originals they were made from run where they lie beside the checkout
(and are then judged against the recorder's own positions). Reference positions are decoded by rs1090, not by us.
"""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import rs1090

from lowsky.engine.config import parse_site
from lowsky.engine.offline import Steps, open_input, run
from lowsky.engine.tracktable import TrackTableWriter
from lowsky.model.events import ClaimContradicted
from lowsky.wire.adsb.beast import encode, split
from tests import needs
from tests.scenarios.faithful import judge

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "src/lowsky/engine/demo/recordings"
SITE = """
[site]
name = "{name}"
latitude_deg = {lat}
longitude_deg = {lon}
height_m = {height}

[[sensor]]
id = "receiver"
kind = "cooperative"
latitude_deg = {lat}
longitude_deg = {lon}
height_m = {height}

[[feed]]
sensor = "receiver"
format = "beast"
source = "file:any"
start = {start}
"""
TOULOUSE = {"name": "Toulouse", "lat": 43.63, "lon": 1.37, "height": 200.0, "start": "2024-06-06T09:00:00Z"}
HELSINKI = {"name": "Helsinki", "lat": 60.32, "lon": 24.83, "height": 60.0, "start": "2026-01-07T01:28:04Z"}
SWISS = {"name": "Swiss", "lat": 46.9, "lon": 8.0, "height": 500.0, "start": "2018-08-01T00:00:00Z"}
COLUMNS = ["t_ns", "identity", "latitude_deg", "longitude_deg"]


def tracked(path, place, folder):
    """The track table of one recorded file. Nobody is contradicted: no name in two places, no recording in it."""
    site = parse_site(SITE.format(**place))
    out, contradicted = folder / f"{path.name}.tracks.parquet", []
    with TrackTableWriter(out, site) as table:
        steps = Steps(table)

        def step(tick, events, pipeline):
            contradicted.extend(event for event in events if isinstance(event, ClaimContradicted))
            steps(tick, events, pipeline)

        run([open_input(path, site)], site, step, steps.second)
    assert contradicted == []
    return pl.read_parquet(out)


def reports(rows):
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    return frame.with_columns(time=pl.from_epoch("t_ns", time_unit="ns").dt.replace_time_zone("UTC")).drop("t_ns")


def decoded(frames, times_s, place):
    """Positions by rs1090: all frames in one call, so that it pairs halves itself; surface with the receiver's place.

    Positions that jump further than an aircraft flies are its mistakes, not reports; there are a few in a thousand.
    """
    rows, last = [], {}
    said = rs1090.decode(frames, times_s, reference=(place["lat"], place["lon"]))
    for t_s, message in zip(times_s, said, strict=True):
        if message is None or message.get("df") not in ("17", "18", 17, 18) or message.get("latitude") is None:
            continue
        who, lat, lon = message["icao24"], message["latitude"], message["longitude"]
        before = last.get(who)
        if before is None or np.hypot(lat - before[1], lon - before[2]) < 0.02 + 0.006 * (t_s - before[0]):
            rows.append((int(t_s * 1e9), who, lat, lon))
            last[who] = (t_s, lat, lon)
    return reports(rows)


def toulouse_lines(path):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def toulouse():
    lines = toulouse_lines(DEMO / "toulouse.jsonl.gz")
    return lines, decoded([line["frame"] for line in lines], [line["timestamp"] for line in lines], TOULOUSE)


def is_faithful(found):
    assert found.aircraft > 0
    assert found.reports > 100
    assert found.wrong == [], str(found)


def test_toulouse_from_json_lines(toulouse, tmp_path):
    is_faithful(judge(tracked(DEMO / "toulouse.jsonl.gz", TOULOUSE, tmp_path), toulouse[1]))


def test_toulouse_from_beast_bytes_gives_the_same_tracks_as_from_json_lines(toulouse, tmp_path):
    lines, _ = toulouse
    start_s = lines[0]["timestamp"]
    beast = tmp_path / "toulouse.beast"
    ticks = [round((line["timestamp"] - start_s) * 12e6) + 1 for line in lines]
    beast.write_bytes(
        b"".join(encode(t, 100, bytes.fromhex(line["frame"])) for t, line in zip(ticks, lines, strict=True))
    )
    first = np.datetime_as_string(np.datetime64(round(start_s * 1e6), "us")) + "Z"
    from_beast = tracked(beast, {**TOULOUSE, "start": first}, tmp_path)
    from_json = tracked(DEMO / "toulouse.jsonl.gz", TOULOUSE, tmp_path)
    assert from_beast["track_id"].to_list() == from_json["track_id"].to_list()
    assert from_beast["identity"].to_list() == from_json["identity"].to_list()
    for column in ("latitude_deg", "longitude_deg"):
        apart = (from_beast[column] - from_json[column]).abs().max()
        assert apart < 1e-6, column  # counters count 1/12 µs, lines 1 µs: 0.1 m at most


def test_helsinki_from_beast_bytes(tmp_path):
    """Aircraft and airport vehicles."""
    cut = split(gzip.decompress((DEMO / "helsinki.beast.gz").read_bytes()))
    counters = np.asarray(cut.counter)
    start_s = np.datetime64(HELSINKI["start"].rstrip("Z"), "ns").astype(np.int64) / 1e9
    origin = counters[counters > 0][0]
    long_frames = np.flatnonzero((np.asarray(cut.length) == 14) & (counters > 0))
    frames = [bytes(cut.payload[k][:14]).hex() for k in long_frames]
    times_s = [float(start_s + (counters[k] - origin) / 12e6) for k in long_frames]
    is_faithful(judge(tracked(DEMO / "helsinki.beast.gz", HELSINKI, tmp_path), decoded(frames, times_s, HELSINKI)))


def test_the_swiss_sky_through_the_measurement_table(tmp_path):
    table = pl.read_parquet(DEMO / "swiss.parquet").with_columns(sensor=pl.lit("receiver"))
    path = tmp_path / "swiss.parquet"
    table.write_parquet(path)
    found = judge(tracked(path, SWISS, tmp_path), table.select("time", "identity", "latitude_deg", "longitude_deg"))
    assert found.aircraft > 60
    is_faithful(found)


def test_the_whole_toulouse_recording_against_the_recorders_own_positions(tmp_path):
    path = needs.recording("adsb/traffic/jet1090_toulouse_20240606.jsonl.gz")
    rows = [
        (int(line["timestamp"] * 1e9), line["icao24"], line["latitude"], line["longitude"])
        for line in toulouse_lines(path)
        if line.get("latitude") is not None and str(line.get("df")) in ("17", "18")
    ]
    is_faithful(judge(tracked(path, TOULOUSE, tmp_path), reports(rows)))


@pytest.mark.parametrize("hours", [(11, 13)] if "LOWSKY_LONG" not in os.environ else [(0, 24)])
def test_the_original_swiss_sky(hours, tmp_path):
    """Two hours; the whole day with LOWSKY_LONG=1 (a minute and a half)."""
    path = needs.recording("adsb/traffic/switzerland.json.gz")
    with gzip.open(path, "rt") as file:
        rows = pl.DataFrame(json.load(file), infer_schema_length=None)
    speed, course = pl.col("groundspeed") * (1852.0 / 3600.0), pl.col("track").radians()
    table = rows.select(
        pl.from_epoch("timestamp", time_unit="ms").cast(pl.Datetime("ns")).dt.replace_time_zone("UTC").alias("time"),
        pl.lit("receiver").alias("sensor"), pl.col("latitude").alias("latitude_deg"),
        pl.col("longitude").alias("longitude_deg"), (pl.col("altitude") * 0.3048).alias("height_m"),
        (speed * course.sin()).alias("east_mps"), (speed * course.cos()).alias("north_mps"),
        (pl.col("vertical_rate") * 0.3048 / 60.0).alias("up_mps"), pl.col("icao24").alias("identity"),
    ).sort("time", maintain_order=True)  # fmt: skip
    table = table.filter(pl.col("time").dt.hour().is_between(hours[0], hours[1] - 1))
    file = tmp_path / "swiss.parquet"
    table.write_parquet(file)
    is_faithful(
        judge(tracked(file, SWISS, tmp_path), table.select("time", "identity", "latitude_deg", "longitude_deg"))
    )
