"""Both Mode S feeds on the shared recordings, held against others' decoding of the same frames."""

import csv
import gzip
import json
import math
import socket
import subprocess
import time
from collections import defaultdict
from pathlib import Path

import pytest
from tests import needs
from tests.feeds.beast.beast_site import HELSINKI, MID_FRANCE, is_lawful, read_all, same_batches, site_at, totals

from lowsky.feeds import beast, modes_jsonl
from lowsky.wire.adsb.beast import encode, split

HELSINKI_BIN = "gnss/helsinki_beast_012804.bin.gz"
HELSINKI_CSV = "gnss/helsinki_df17.csv.gz"
TOULOUSE_GZ = "adsb/traffic/jet1090_toulouse_20240606.jsonl.gz"
DEMO = Path(__file__).parents[3] / "src/lowsky/engine/demo/recordings"


def positions(results):
    """identity -> [(t_ns, latitude deg, longitude deg)]."""
    found = defaultdict(list)
    for batch in (b for r in results for b in r.batches):
        for k in range(len(batch)):
            if not math.isnan(batch.z[k, 0]):
                place = math.degrees(batch.z[k, 0]), math.degrees(batch.z[k, 1])
                found[batch.texts["identity"].text(k)].append((int(batch.t_meas_ns[k]), *place))
    return found


def metres(a, b):
    return math.hypot(a[0] - b[0], (a[1] - b[1]) * math.cos(math.radians(a[0]))) * 111_195.0


def test_toulouse_positions_are_those_of_the_recorder():
    site = site_at(MID_FRANCE, max_range_m=1e6)
    path = needs.recording(TOULOUSE_GZ)
    results = list(modes_jsonl.read_file(path, modes_jsonl.Config(), site.sensor("rx"), site, None))
    assert is_lawful(results)
    ours = {(who, row[0]): row[1:] for who, rows in positions(results).items() for row in rows}
    recorder = {}
    with gzip.open(path) as file:
        for line in map(json.loads, file):
            if "latitude" in line:
                t_ns = round(line["timestamp"] * 1e6) * 1000
                recorder[line["icao24"], t_ns] = line["latitude"], line["longitude"]
    both = ours.keys() & recorder.keys()
    assert len(both) > 12_500
    assert len(ours.keys() - recorder.keys()) <= 1  # the first half after take-off, placed by the one on the ground
    assert max(metres(ours[key], recorder[key]) for key in both) < 0.001


def test_toulouse_is_the_same_through_json_lines_and_through_beast(tmp_path):
    with gzip.open(needs.recording(TOULOUSE_GZ)) as file:
        lines = [json.loads(line) for line in file][30_000:50_000]
    start_us = round(lines[0]["timestamp"] * 1e6)
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "some.bin").write_bytes(
        b"".join(
            encode((round(line["timestamp"] * 1e6) - start_us) * 12 + 1, 0, bytes.fromhex(line["frame"]))
            for line in lines
        )
    )
    as_lines = read_all(modes_jsonl, tmp_path / "some.jsonl", MID_FRANCE)
    as_beast = read_all(beast, tmp_path / "some.bin", MID_FRANCE, start_ns=start_us * 1000)
    assert totals(as_lines) == totals(as_beast)
    assert totals(as_lines)[1] > 5_000
    assert same_batches(as_lines, as_beast)


def test_helsinki_positions_are_those_of_rs1090_with_a_reference():
    path = needs.recording(HELSINKI_BIN)
    found = split(gzip.decompress(path.read_bytes()))
    first_s = int(found.counter[found.counter > 0][0]) / 12e6
    ours = positions(read_all(beast, path, HELSINKI))
    worst_m = n = missing = 0
    with gzip.open(needs.recording(HELSINKI_CSV), "rt") as file:
        rows = [r for r in csv.DictReader(file) if r["lat"] and first_s - 0.001 <= float(r["t_s"]) < 6367.7]
    for row in rows:
        t_ns = round((float(row["t_s"]) - first_s) * 1e9)
        near = [p for p in ours[row["icao24"]] if abs(p[0] - t_ns) < 600_000]
        missing += not near
        for _, *place in near[:1]:
            n += 1
            worst_m = max(worst_m, metres(place, (float(row["lat"]), float(row["lon"]))))
    assert n > 790
    assert missing <= 5  # first halves: the table had the receiver's position to decode them with
    assert worst_m < 0.8  # the table is rounded to 1e-5 degrees


@pytest.mark.parametrize(("feed", "name"), [(beast, "helsinki.beast.gz"), (modes_jsonl, "toulouse.jsonl.gz")])
def test_the_demo_recordings_hold_pseudonyms_only(feed, name):
    results = read_all(feed, DEMO / name, HELSINKI if feed is beast else (43.63, 1.37))
    assert is_lawful(results)
    who = {t for r in results for b in r.batches for t in b.texts["identity"].names}
    calls = {t for r in results for b in r.batches if "callsign" in b.texts for t in b.texts["callsign"].names}
    assert who
    assert all(0xF00000 <= int(address, 16) <= 0xF7FFFF for address in who)
    assert calls
    assert all(call.startswith("LOW") for call in calls)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lines_from(port, sender, payload):
    """Everything the peer prints of ``payload`` within 1.5 s of silence."""
    with socket.create_connection(("127.0.0.1", port)) as listener:
        listener.settimeout(1.5)
        with socket.create_connection(("127.0.0.1", sender)) as to:
            to.sendall(payload)
            text = b""
            try:
                while piece := listener.recv(65536):
                    text += piece
            except TimeoutError:
                pass
    return text.decode().splitlines()


def test_dump1090_sees_the_same_places(tmp_path):
    """Our Beast bytes into dump1090-mutability, its SBS positions against ours."""
    beast_in, sbs_out = free_port(), free_port()
    peer = needs.program("dump1090-mutability")
    command = [
        peer, "--net-only", "--net-bind-address", "127.0.0.1", "--net-bi-port", str(beast_in),
        "--net-sbs-port", str(sbs_out), "--net-bo-port", "0", "--net-ro-port", "0", "--net-ri-port", "0",
        "--net-http-port", "0", "--quiet", "--lat", str(HELSINKI[0]), "--lon", str(HELSINKI[1]), "--no-fix",
    ]  # fmt: skip
    payload = (Path(__file__).parent / "helsinki_60s.bin").read_bytes()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", beast_in)) == 0:
                        break
                time.sleep(0.05)
            rows = [line.split(",") for line in lines_from(sbs_out, beast_in, payload)]
        finally:
            process.terminate()
    theirs = defaultdict(list)
    for row in rows:
        if row[0] == "MSG" and row[14]:
            theirs[row[4].lower()].append((float(row[14]), float(row[15])))
    ours = positions(read_all(beast, Path(__file__).parent / "helsinki_60s.bin", HELSINKI))
    assert len(theirs) >= 2
    for who, places in theirs.items():
        for place in places:
            assert min(metres(place, p[1:]) for p in ours[who]) < 2.0
