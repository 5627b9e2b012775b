"""Recorded files: golden pairs, raw chains of blocks, captures, framing, sniffing, and tshark's opinion."""

import gzip
import json
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests import needs
from tests.feeds.asterix import make_golden
from tests.feeds.asterix.scene import COOPERATIVE, NOON, RADAR, SECOND, SITE, config, feed, run, utc
from tests.feeds.asterix.synthetic import AIRCRAFT, T0, block, plot, radar_turns, station_reports, tracker_updates
from tests.unit.wire.asterix import asterix_recordings as recordings

from lowsky.feeds import asterix, files
from lowsky.feeds.asterix.recorded import FileClock

HERE = Path(__file__).parent
NAMES = sorted(make_golden.GOLDEN)


def read(path, sensor=RADAR, start_ns=NOON, **options):
    results = list(asterix.read_file(path, config(**options), sensor, SITE, start_ns))
    rejected = Counter()
    for result in results:
        rejected.update(result.rejected)
        assert result.records == sum(map(len, result.batches)) + result.rejected.total()
    return results, {reason.name: count for reason, count in rejected.items()}


def rows(results):
    return sum(len(batch) for result in results for batch in result.batches)


def times(results):
    return [int(t) for result in results for batch in result.batches for t in batch.t_recv_ns]


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_file_gives_what_stands_beside_it(name):
    golden = json.loads((HERE / name).with_suffix(".json").read_text(encoding="utf-8"))
    assert make_golden.read(HERE / name) == golden.pop("expected")
    assert make_golden.metadata(name) == golden
    assert (HERE / name).read_bytes() == make_golden.encoded(name)
    assert "synthetic" in golden["origin"]


def test_nothing_but_golden_pairs_lies_in_the_folder():
    kept = {path.name for path in HERE.iterdir() if path.is_file() and path.suffix != ".py"}
    assert kept == {name for golden in NAMES for name in (golden, str(Path(golden).with_suffix(".json")))}


def test_a_capture_a_raw_file_and_live_datagrams_measure_the_same(tmp_path):
    live, _, _ = run(feed(), radar_turns(1))
    raw = tmp_path / "turn.ast"
    raw.write_bytes(b"".join(datagram for _, datagram in radar_turns(1)))
    for path in (HERE / "radar_one_turn.pcap", raw):
        results, _ = read(path)
        measured = [batch for result in results for batch in result.batches if len(batch)]
        assert [b.z.tobytes() for b in measured] == [b.z.tobytes() for b in live]
        assert [b.t_meas_ns.tolist() for b in measured] == [b.t_meas_ns.tolist() for b in live]
        assert [b.look for b in measured] == [b.look for b in live]


def test_gzip_is_read_like_plain_and_a_damaged_one_is_counted(tmp_path):
    whole = (HERE / "tracker.bin").read_bytes()
    packed = tmp_path / "tracker.bin.gz"
    packed.write_bytes(gzip.compress(whole))
    results, counts = read(packed, COOPERATIVE)
    assert (rows(results), counts) == (12, {"NOT_A_MEASUREMENT": 3})
    packed.write_bytes(gzip.compress(whole * 2000)[:-200])
    results, counts = read(packed, COOPERATIVE, duplicate_window_s=0.0)
    assert rows(results) > 1000
    assert counts["TRUNCATED"] >= 1


def test_a_cut_capture_gives_what_it_has_and_one_count(tmp_path):
    path = tmp_path / "cut.pcap"
    path.write_bytes((HERE / "radar_one_turn.pcap").read_bytes()[:-5])
    results, counts = read(path)
    assert rows(results) == len(AIRCRAFT)
    assert counts["TRUNCATED"] == 1


def test_a_damaged_gzip_capture_gives_what_could_be_unpacked(tmp_path):
    path = tmp_path / "cut.pcap.gz"
    path.write_bytes(gzip.compress(make_golden.pcap(radar_turns(200, ("1.31", "1.29"))))[:-200])
    results, counts = read(path, duplicate_window_s=0.0)
    assert rows(results) > 100 * len(AIRCRAFT)
    assert counts["TRUNCATED"] == 1


def test_a_capture_larger_than_may_be_is_read_so_far_and_counted(tmp_path, monkeypatch):
    path = tmp_path / "large.pcap"
    path.write_bytes(make_golden.pcap(radar_turns(200, ("1.31", "1.29"))))
    monkeypatch.setattr(files, "PIECE_BYTES", 4096)
    monkeypatch.setattr(files, "MAX_CAPTURE_BYTES", 20_000)
    results, counts = read(path)
    assert rows(results) > 0
    assert counts["TRUNCATED"] == 1
    assert sum(r.records for r in results) < 2000


def test_a_cut_raw_file_gives_what_it_has_and_one_count(tmp_path):
    path = tmp_path / "cut.bin"
    path.write_bytes((HERE / "tracker.bin").read_bytes()[:-5])
    results, counts = read(path, COOPERATIVE)
    assert rows(results) == 12
    assert counts == {"NOT_A_MEASUREMENT": 2, "TRUNCATED": 1}


def test_an_empty_file_has_no_records(tmp_path):
    path = tmp_path / "empty.bin"
    path.write_bytes(b"")
    assert read(path) == ([], {})


@pytest.mark.parametrize("start_ns", [None, NOON, NOON + 3 * SECOND, NOON - 3600 * SECOND])
def test_a_raw_file_has_the_times_in_it_on_the_day_of_its_start(start_ns, tmp_path):
    path = tmp_path / "tracks.ast"
    path.write_bytes(b"".join(datagram for _, datagram in tracker_updates(3)))
    results, _ = read(path, COOPERATIVE, start_ns)
    first = 43_200 * SECOND if start_ns is None else NOON
    assert times(results) == [first + k * 4 * SECOND for k in range(3) for _ in AIRCRAFT]


def test_a_raw_file_goes_on_past_midnight_and_never_backwards():
    clock = FileClock(None)
    tods = [86_399.0, 86_399.5, 0.25, 0.0, 1.0]
    assert [clock.at(int(t * 128)) / SECOND for t in tods] == [86_399.0, 86_399.5, 86_400.25, 86_400.25, 86_401.0]


def test_one_wrong_time_does_not_carry_a_raw_file_away_but_a_gap_does():
    clock = FileClock(NOON)
    seconds = [43_200, 50_000, 43_201, None, 43_202, 46_000, 46_001]
    got = [clock.at(None if t is None else t * 128) for t in seconds]
    assert [(t - NOON) / SECOND + 43_200 for t in got] == [43_200, 43_200, 43_201, 43_201, 43_202, 43_202, 46_001]


def test_blocks_without_a_time_before_the_first_one_have_the_start(tmp_path):
    path = tmp_path / "unknown.bin"
    path.write_bytes(b"\x01\x00\x05ab" + block(48, "1.32", [plot(T0, AIRCRAFT[0])]))
    results, counts = read(path)
    assert counts == {"UNSUPPORTED": 1}
    assert times(results) == [utc(T0)]


def test_a_large_raw_file_is_read_in_pieces_without_losing_a_record(tmp_path):
    one = b"".join(datagram for _, datagram in station_reports(1))
    path = tmp_path / "large.bin"
    path.write_bytes(one * 6000)
    assert path.stat().st_size > 4 * 2**18
    results, counts = read(path, COOPERATIVE, duplicate_window_s=0.0)
    assert (rows(results), counts) == (24_000, {})


@pytest.mark.parametrize(
    ("stream", "whole"),
    [(b"", 0), (b"0", 0), (b"0\0", 0), (b"0\0\4", 0), (b"0\0\4a", 4), (b"0\0\4a0\0", 4), (b"0\0\4a0\0\3", 7),
     (b"0\0\0zz", 5), (b"0\0\4a0\0\2zz", 9)],
)  # fmt: skip
def test_framing_hands_over_whole_blocks_and_everything_once_out_of_step(stream, whole):
    assert asterix.cut(stream) == whole
    assert asterix.cut(memoryview(stream)) == whole


@pytest.mark.parametrize("name", NAMES)
def test_every_golden_file_is_recognised_also_by_its_first_bytes_alone(name):
    content = (HERE / name).read_bytes()
    assert asterix.sniff(content, name)
    assert asterix.sniff(content[: len(content) * 2 // 3], "no-name")


@pytest.mark.parametrize(
    "content",
    [b"", b"0\0\3", b'{"time": 1}\n' * 100, b"PAR1" + bytes(500), b"\x1a\x31" * 400, bytes(1000), b"\xff" * 1000,
     b"\xf0\x00\x08abcde" * 20, bytes.fromhex("d4c3b2a1") + bytes(20)],
)  # fmt: skip
def test_other_files_are_not_taken_for_asterix(content):
    assert not asterix.sniff(content, "file.bin")


def test_noise_is_not_taken_for_asterix(rng):
    assert not any(asterix.sniff(rng.bytes(2000), "noise.bin") for _ in range(300))


def test_each_evaluate_only_recording_is_accounted_for(tmp_path):
    folder = recordings.folder()
    expected = {  # file: (sensor, records, measurements, rejects)
        "cat048.raw": (RADAR, 1, 1, {}),
        "cat034.raw": (RADAR, 1, 0, {"NOT_A_MEASUREMENT": 1}),
        "cat21_re.ast": (COOPERATIVE, 2, 2, {}),
        "cat_062_065.pcap": (COOPERATIVE, 3, 2, {"NOT_A_MEASUREMENT": 1}),
        "cat062cat065.raw": (COOPERATIVE, 3, 2, {"NOT_A_MEASUREMENT": 1}),
        "cat062-all-1.bin": (COOPERATIVE, 8, 8, {}),
        "cat062-all-2.bin": (COOPERATIVE, 6, 6, {}),
        "cat062-boat3.bin": (COOPERATIVE, 1, 1, {}),
        "cat240-1.bin": (COOPERATIVE, 1, 0, {"UNSUPPORTED": 1}),
        "sample.ast": (RADAR, 17, 9, {"NOT_A_MEASUREMENT": 3, "UNSUPPORTED": 5}),
    }
    for name, (sensor, n_records, n_rows, counts) in expected.items():
        (path,) = folder.rglob(name)
        results, found = read(path, sensor)
        assert (sum(r.records for r in results), rows(results), found) == (n_records, n_rows, counts), name


def test_each_radar_of_the_croatian_capture_is_read_by_its_own_codes():
    folder = recordings.folder()
    (path,) = folder.rglob("cat_034_048.pcap")
    measured = 0
    for sic in (12, 13, 14, 201, 204):
        results, counts = read(path, sac=25, sic=sic)
        assert sum(r.records for r in results) == 162
        assert counts["DUPLICATE"] == 81  # recorded on two networks
        measured += rows(results)
    assert 40 < measured <= 64


@pytest.fixture
def tshark():
    return needs.program("tshark")


def fields_of(tshark, path, category, names):
    """[[values of a field in every datagram]] as tshark dissects them in the newest edition it knows."""
    command = [tshark, "-r", str(path), "-d", "udp.port==8600,asterix", "-T", "fields", "-E", "aggregator=/s"]
    command += [part for name in names for part in ("-e", f"asterix.{category:03d}_{name}")]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    columns = list(zip(*(line.split("\t") for line in out.splitlines() if line.strip())))
    return [[number(value) for cell in column for value in cell.split()] for column in columns]


def number(text):
    return float(int(text, 16)) if text.startswith("0x") else float(text)


@pytest.mark.parametrize(
    ("category", "names", "timed", "sensor"),
    [
        (48, ("040_RHO", "040_THETA", "140_VALUE", "220_VALUE"), lambda: radar_turns(1, ("1.31", "1.29")), RADAR),
        (62, ("105_LAT", "105_LON", "070_VALUE", "185_VX"), lambda: tracker_updates(3, ("1.19", "1.5")), COOPERATIVE),
        (21, ("131_LAT", "131_LON", "071_VALUE", "080_VALUE"), lambda: station_reports(3, "2.6"), COOPERATIVE),
    ],
)
def test_tshark_dissects_the_same_values(tshark, category, names, timed, sensor, tmp_path):
    path = tmp_path / "peer.pcap"
    path.write_bytes(make_golden.pcap(timed()))
    results, _ = read(path, sensor)
    batches = [batch for result in results for batch in result.batches if len(batch)]
    z = np.concatenate([batch.z for batch in batches])
    t = np.concatenate([batch.t_meas_ns for batch in batches])
    first, second, third, fourth = fields_of(tshark, path, category, names)
    scale = (1852.0, np.pi / 180) if category == 48 else (np.pi / 180, np.pi / 180)
    np.testing.assert_allclose(z[:, 0], np.array(first) * scale[0], rtol=1e-12)
    np.testing.assert_allclose(z[:, 1], np.array(second) * scale[1], rtol=1e-12)
    assert (t - (NOON - 43_200 * SECOND)).tolist() == [round(value * 1e9) for value in third]
    if category == 62:
        assert z[:, 3].tolist() == fourth
    else:
        identity = [batch.texts["identity"].text(row) for batch in batches for row in range(len(batch))]
        assert identity == [f"{int(value):06x}" for value in fourth]
