"""The measurement table: what each column becomes, what each bad row is counted as, whatever the format."""

import gzip
import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowsky.errors import ConfigError, DecodeError
from lowsky.feeds.registry import sniff_file
from lowsky.feeds.table import MANIFEST, Config, files, open_feed, read_file, read_measurements
from lowsky.model.measurement import ATTRIBUTES, Coverage, Labels, MeasurementBatch, MeasurementKind, Reject, empty_look
from lowsky.model.ports import Frame
from lowsky.model.site import Sensor, Site
from lowsky.wire.columns import encode_batch
from lowsky.wire.table import looks
from lowsky.wire.table.fields import COLUMNS_OF, MEASURED, NAMES
from lowsky.wire.table.rows import joined
from lowsky.wire.table.text import rows_of_lines, utc_ns
from lowsky.wire.table.verdict import judge
from lowsky.wire.table.write import FORMATS, write_measurements

HERE = Path(__file__).parent
SECOND = 1_000_000_000
T0 = 1_795_176_000 * SECOND  # 2026-11-20T12:00:00Z
PLACE = {"latitude_rad": 0.65, "longitude_rad": 2.2, "height_m": 0.0}
RADAR = Sensor(
    id="radar-1", kind="radar", look_period_s=1.0, min_range_m=50.0, max_range_m=5000.0, azimuth_rad=(0.5, 7.0),
    elevation_rad=(0.0, 0.8), **PLACE,
)  # fmt: skip
DF = Sensor(id="df-1", kind="direction-finder", look_period_s=1.0, **PLACE)
RECEIVER = Sensor(id="receiver-1", kind="cooperative", look_period_s=1.0, **PLACE)
SITE = Site(name="harbour", sensors=(RADAR, DF, RECEIVER), **PLACE)
GOLDEN_FORMATS = ("parquet", "arrow", "csv", "jsonl")


def iso(seconds):
    return str(np.datetime64(T0 + round(seconds * SECOND), "ns")) + "Z"


def plot(seconds, look=None, sensor="radar-1", **cells):
    row = {"time": iso(seconds), "sensor": sensor, **cells}
    return row if look is None else {**row, "look": look}


def radar(seconds, look=None, **cells):
    return plot(seconds, look, range_m=1000.0, azimuth_deg=90.0, **cells)


def lines_file(folder, rows, name="table.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def all_of(path, site=SITE, config=None, sensor=RADAR):
    """Every batch and the rejects of a file, with the sum law checked on the way."""
    batches, rejected, records = [], Counter(), 0
    for result in read_file(path, config or Config(), sensor, site, None):
        batches += result.batches
        rejected += result.rejected
        records += result.records
        assert records == sum(map(len, batches)) + rejected.total() + result.held
    return batches, dict(rejected)


def batches_of(folder, rows, **options):
    return all_of(lines_file(folder, rows), **options)


def live(messages, config=None, step_ns=1000):
    """Every batch and the rejects of a stream, with the sum law checked on the way."""
    feed = open_feed(config or Config(), RADAR, SITE)
    batches, rejected, records = [], Counter(), 0
    for k, payload in enumerate(messages):
        result = feed(Frame(T0 + k * step_ns, payload))
        batches += result.batches
        rejected += result.rejected
        records += result.records
        assert records == sum(map(len, batches)) + rejected.total() + result.held
    return batches, dict(rejected)


def line(row):
    return json.dumps(row).encode() + b"\n"


def encoded(batches):
    return [encode_batch(batch) for batch in batches]


# ------------------------------------------------------------------ four formats


@pytest.mark.parametrize("form", GOLDEN_FORMATS)
def test_the_golden_table_gives_what_was_put_into_it(form):
    batches, rejected = all_of(HERE / f"golden.{form}")
    assert rejected == {
        Reject.UNKNOWN_SENSOR: 1,
        Reject.NO_TIME: 1,
        Reject.OUT_OF_RANGE: 3,
        Reject.MALFORMED: 3,
        Reject.NO_POSITION: 2,
        Reject.NOT_A_MEASUREMENT: 2,
    }
    assert [(b.sensor, b.look) for b in batches if b.sensor == "radar-1"] == [("radar-1", k) for k in range(6)]
    third = next(b for b in batches if b.sensor == "radar-1" and b.look == 3)
    assert third.z[:, 0].tolist() == [811.37, 811.37 + 31.1, 811.37 + 62.2]
    np.testing.assert_allclose(np.degrees(third.z[:, 1]), [356.9, 357.0, 357.1])
    assert np.isnan(third.z[0, 2])
    assert third.z[1, 3] == -12.25
    assert third.sigma[2, 0] == 7.5
    assert third.attributes["snr_db"].tolist() == [17.0, 18.0, 19.0]
    assert (third.t_recv_ns - third.t_meas_ns).tolist() == [20_000_000] * 3
    report = next(b for b in batches if b.sensor == "receiver-1")
    assert report.kind is MeasurementKind.REPORT
    assert [report.texts["identity"].text(k) for k in range(3)] == ["3c6444", "UAS-1", None]
    assert [report.texts["class"].text(k) for k in range(3)] == ["multirotor", None, None]
    assert [report.texts["callsign"].text(k) for k in range(3)] == ["LOW1", None, 'SKY, "2"']
    assert report.t_recv_ns.tolist() == report.t_meas_ns.tolist()
    assert np.isnan(batches[-1].z[0, :3]).all()
    assert batches[-1].z[0, 3:5].tolist() == [1.0, 2.0]


def test_the_four_formats_give_identical_batches():
    first, *others = (encoded(all_of(HERE / f"golden.{form}")[0]) for form in GOLDEN_FORMATS)
    assert all(other == first for other in others)
    assert len(first) == 19


def test_the_size_of_the_chunks_does_not_matter(monkeypatch):
    expected = {form: encoded(all_of(HERE / f"golden.{form}")[0]) for form in GOLDEN_FORMATS}
    monkeypatch.setattr(files, "CHUNK_ROWS", 4)
    monkeypatch.setattr(files, "CHUNK_BYTES", 700)
    monkeypatch.setattr(files, "CHUNK_CSV_ROWS", 5)
    assert {form: encoded(all_of(HERE / f"golden.{form}")[0]) for form in GOLDEN_FORMATS} == expected


@pytest.mark.parametrize("form", GOLDEN_FORMATS)
def test_every_format_is_recognised(form):
    assert sniff_file(HERE / f"golden.{form}") == "table"


def test_other_files_are_not_recognised():
    for head in (b"", b"\xf0\x01", b'{"timestamp": 1, "frame": "8d"}\n', b"a,b\n1,2\n", b"time\n", b"\xff\xfe{"):
        assert not MANIFEST.sniff(head, "measurements.csv")


def test_read_measurements_gives_the_batches_and_tells_what_was_left_out(caplog):
    batches = list(read_measurements(HERE / "golden.parquet", SITE))
    assert encoded(batches) == encoded(all_of(HERE / "golden.parquet")[0])
    (record,) = caplog.records
    assert "10 rows are no measurements" in record.message
    assert "3 MALFORMED" in record.message


# ------------------------------------------------------------------ rows and columns


def test_degrees_become_radians_in_their_canonical_turn(tmp_path):
    rows = [
        plot(k, k, range_m=1.0, azimuth_deg=a) for k, a in enumerate([-360.0, -90.0, 0.0, 359.5, 360.0, 720.0, -1e-18])
    ]
    azimuths = [float(batch.z[0, 1]) for batch in batches_of(tmp_path, rows)[0]]
    assert azimuths == [0.0, math.radians(270.0), 0.0, 359.5 * (math.pi / 180), 0.0, 0.0, 0.0]
    rows = [
        plot(k, sensor="receiver-1", latitude_deg=-37.5, longitude_deg=g) for k, g in enumerate([-180.0, 180.0, 359.0])
    ]
    longitudes = [float(batch.z[0, 1]) for batch in batches_of(tmp_path, rows)[0]]
    np.testing.assert_allclose(np.degrees(longitudes), [-180.0, -180.0, -1.0])


def test_sigma_of_latitude_and_longitude_become_metres_north_and_east(tmp_path):
    row = plot(
        0, sensor="receiver-1", latitude_deg=60.0, longitude_deg=10.0, sigma_latitude_deg=1.0, sigma_longitude_deg=1.0
    )
    (batch,), _ = batches_of(tmp_path, [row])
    # one degree at 60° N on WGS-84: 111,412 m north and 55,800 m east (NGA, length of a degree)
    np.testing.assert_allclose(batch.sigma[0, :2], [55_800.0, 111_412.0], atol=1.0)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"range_m": -1.0, "azimuth_deg": 1.0}, Reject.OUT_OF_RANGE),
        ({"range_m": 1.0, "azimuth_deg": 720.5}, Reject.OUT_OF_RANGE),
        ({"range_m": 1.0, "azimuth_deg": -360.5}, Reject.OUT_OF_RANGE),
        ({"range_m": 1.0, "elevation_deg": 90.5}, Reject.OUT_OF_RANGE),
        ({"range_m": 1e300}, Reject.OUT_OF_RANGE),
        ({"range_m": 1.0, "sigma_range_m": 0.0}, Reject.OUT_OF_RANGE),
        ({"range_m": 1.0, "time": "1969-12-31T23:59:59Z"}, Reject.OUT_OF_RANGE),
        ({"range_m": 1.0, "time": "2200-01-01T00:00:00Z"}, Reject.OUT_OF_RANGE),
        ({"range_m": 1.0, "sensor": "radar-9"}, Reject.UNKNOWN_SENSOR),
        ({"range_m": 1.0, "time": None}, Reject.NO_TIME),
        ({"range_m": 1.0, "latitude_deg": 1.0}, Reject.MALFORMED),
        ({"azimuth_deg": 1.0}, Reject.MALFORMED),
        ({"sensor": "df-1", "range_m": 1.0, "azimuth_deg": 1.0}, Reject.MALFORMED),
        ({"sensor": "df-1", "range_rate_mps": 1.0, "azimuth_deg": 1.0}, Reject.MALFORMED),
        ({"sensor": "receiver-1", "latitude_deg": 1.0}, Reject.MALFORMED),
        ({"sensor": "receiver-1", "azimuth_deg": 1.0}, Reject.MALFORMED),
        ({"sensor": "receiver-1", "latitude_deg": 95.0, "longitude_deg": 1.0}, Reject.OUT_OF_RANGE),
        ({"range_m": 1.0, "identity": "x" * 300}, Reject.MALFORMED),
        ({"elevation_deg": 1.0}, Reject.NO_POSITION),
        ({"range_rate_mps": 1.0}, Reject.NO_POSITION),
        ({"sensor": "receiver-1", "height_m": 1.0}, Reject.NO_POSITION),
        ({}, Reject.NO_POSITION),
    ],
)
def test_a_bad_row_is_counted_under_its_reason(tmp_path, cells, expected):
    good = radar(1.0)
    batches, rejected = batches_of(tmp_path, [{"time": iso(0), "sensor": "radar-1", **cells}, good])
    assert rejected == {expected: 1}
    assert sum(map(len, batches)) == 1


def test_nan_and_infinity_in_a_file_are_missing_and_impossible(tmp_path):
    table = pa.table(
        {
            "time": pa.array([T0, T0, T0], pa.timestamp("ns")),
            "sensor": ["radar-1"] * 3,
            "range_m": [1.0, 2.0, math.inf],
            "azimuth_deg": [math.nan, 3.0, 3.0],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    (batch,), rejected = all_of(tmp_path / "t.parquet")
    assert np.isnan(batch.z[0, 1])
    assert rejected == {Reject.OUT_OF_RANGE: 1}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Seoul"])
def test_timestamps_of_every_unit_are_utc(tmp_path, unit, zone):
    instant = pa.array([T0], pa.timestamp("ns")).cast(pa.timestamp(unit)).cast(pa.timestamp(unit, zone))
    path = tmp_path / "t.arrow"
    pyarrow.feather.write_feather(pa.table({"time": instant, "sensor": ["radar-1"], "range_m": [1.0]}), path)
    assert all_of(path)[0][0].t_meas_ns.tolist() == [T0]


@pytest.mark.parametrize("dtype", [pa.float32(), pa.int32(), pa.uint8(), pa.float64()])
def test_numbers_of_every_width_are_read(tmp_path, dtype):
    path = tmp_path / "t.parquet"
    texts = pa.array(["radar-1", "radar-1"]).dictionary_encode()
    times = pa.array([T0, T0], pa.timestamp("ns"))
    pq.write_table(pa.table({"time": times, "sensor": texts, "range_m": pa.array([7, None], dtype)}), path)
    (batch,), rejected = all_of(path)
    assert batch.z[:, 0].tolist() == [7.0]
    assert rejected == {Reject.NO_POSITION: 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T12:00:00Z", T0),
        ("2026-11-20 12:00:00", T0),
        ("2026-11-20T12:00:00.000000001Z", T0 + 1),
        ("2026-11-20T21:00:00.5+09:00", T0 + SECOND // 2),
        ("2026-11-20T07:30:00-04:30", T0),
        ("1969-12-31T23:59:59Z", -1),
        ("9999-12-31T23:59:59Z", -1),
        ("2026-02-30T00:00:00Z", None),
        ("2026-11-20T24:00:00Z", None),
        ("2026-11-20T12:00Z", None),
        ("2026-11-20", None),
        ("2026-11-20T12:00:00.1234567890Z", None),
        ("2026-11-20T12:00:00+25:00", None),
        (" 2026-11-20T12:00:00Z", None),
        ("２026-11-20T12:00:00Z", None),
        ("1795176000", None),
        ("", None),
    ],
)
def test_iso_times_are_read_strictly(text, expected):
    assert utc_ns(text) == expected


def test_columns_of_the_model_are_taken_along_where_they_say_something(tmp_path):
    row = plot(
        0, sensor="receiver-1", latitude_deg=1.0, longitude_deg=1.0, pressure_altitude_m=300.0, nic=8.0, callsign="A B",
        operator_id=" ", status=None, rcs_dbsm=None,
    )  # fmt: skip
    (batch,), _ = batches_of(tmp_path, [row])
    assert {name: column.tolist() for name, column in batch.attributes.items()} == {
        "pressure_altitude_m": [300.0],
        "nic": [8.0],
    }
    assert {name: labels.names for name, labels in batch.texts.items()} == {"callsign": ("A B",)}


# ------------------------------------------------------------------ looks


def test_every_look_is_one_batch_with_the_coverage_of_its_sensor(tmp_path):
    rows = [radar(0.2, 7), radar(0.9, 7), plot(0.5, 40, sensor="df-1", azimuth_deg=5.0), radar(1.3, 8)]
    batches, rejected = batches_of(tmp_path, rows)
    assert rejected == {}
    assert [(b.sensor, b.look, len(b)) for b in batches] == [("radar-1", 7, 2), ("df-1", 40, 1), ("radar-1", 8, 1)]
    assert batches[0].coverage == Coverage(T0 - SECOND // 10, T0 + 900_000_000, 50.0, 5000.0, 0.5, 7.0, 0.0, 0.8)
    assert batches[1].kind is MeasurementKind.BEARING
    assert batches[1].coverage.range_max_m == math.inf


def test_a_look_that_saw_nothing_is_an_empty_batch_with_coverage(tmp_path):
    rows = [radar(0.5, 1), plot(2.0, 2), plot(2.0, 3, sensor="receiver-1"), radar(2.5, 3)]
    batches, rejected = batches_of(tmp_path, rows)
    assert rejected == {Reject.NOT_A_MEASUREMENT: 2}
    assert [(b.sensor, b.look, len(b)) for b in batches] == [("radar-1", 1, 1), ("radar-1", 2, 0), ("radar-1", 3, 1)]
    assert batches[1].t_ns == T0 + 2 * SECOND
    assert batches[1].coverage.t_from_ns == T0 + SECOND


def test_cooperative_reports_have_no_coverage_even_with_looks(tmp_path):
    rows = [plot(k / 8, 5, sensor="receiver-1", latitude_deg=1.0, longitude_deg=k * 1.0) for k in range(4)]
    (batch,), _ = batches_of(tmp_path, rows)
    assert (batch.look, batch.coverage, len(batch)) == (5, None, 4)


def test_reports_without_look_are_grouped_by_quarter_seconds(tmp_path):
    rows = [plot(k / 10, sensor="receiver-1", latitude_deg=1.0, longitude_deg=k * 1.0) for k in range(10)]
    batches, _ = batches_of(tmp_path, rows)
    assert [len(b) for b in batches] == [3, 2, 3, 2]
    assert all(np.ptp(b.t_meas_ns) < SECOND // 4 for b in batches)
    assert all((b.look, b.coverage) == (-1, None) for b in batches)


def test_plots_without_look_are_grouped_by_equal_time(tmp_path):
    batches, _ = batches_of(tmp_path, [radar(0.0), radar(0.0), radar(0.1), radar(0.2), radar(0.2)])
    assert [(len(b), b.coverage) for b in batches] == [(2, None), (1, None), (2, None)]


def test_a_row_of_a_look_that_is_complete_is_late(tmp_path):
    rows = [radar(0.1, 7), radar(1.1, 8), radar(0.9, 7), radar(1.2, 8), radar(2.0, 9), radar(0.5, 6)]
    batches, rejected = batches_of(tmp_path, [{**row, "received": iso(k / 2)} for k, row in enumerate(rows)])
    # look 6 comes whole behind its successors, as from a link that stood still: a look as any other
    assert [(b.look, len(b)) for b in batches] == [(7, 1), (8, 2), (9, 1), (6, 1)]
    assert rejected == {Reject.LATE: 1}


def test_reports_are_never_late_by_their_look(tmp_path):
    rows = [plot(t, sensor="receiver-1", look=k, latitude_deg=1.0, longitude_deg=2.0)
            for t, k in ((0.5, 1), (1.5, 2), (0.5, 1), (2.5, 3), (1.5, 2))]  # fmt: skip
    batches, rejected = batches_of(tmp_path, [{**row, "received": iso(k + 2)} for k, row in enumerate(rows)])
    assert sorted((b.look, len(b)) for b in batches) == [(1, 1), (1, 1), (2, 1), (2, 1), (3, 1)]
    assert not rejected


def test_a_counter_of_looks_that_starts_again_is_not_late(tmp_path):
    batches, rejected = batches_of(tmp_path, [radar(0.0, 65535), radar(1.0, 0), radar(2.0, 1), radar(60.0, 1)])
    assert [b.look for b in batches] == [65535, 0, 1]
    assert rejected == {Reject.LATE: 1}  # the same number again, a minute later


def test_a_sensor_that_falls_silent_does_not_hold_the_others_back(tmp_path):
    rows = [radar(0.0, 1)] + [plot(k, k, sensor="df-1", azimuth_deg=1.0) for k in range(1, 60)]
    path = lines_file(tmp_path, rows)
    before = [b.sensor for result in read_file(path, Config(), RADAR, SITE) for b in result.batches]
    assert before == ["radar-1"] + ["df-1"] * 59
    grouper, seen = looks.Looks(SITE), []
    for rows_, _ in files.chunks_of(path, True):
        for k in range(len(rows_)):
            one = rows_.take(slice(k, k + 1))
            batches, _ = grouper.step(one, judge(one, SITE))
            seen.append(len(batches))
    assert sum(seen[:5]) >= 3


CELLS = st.sampled_from(
    [
        {"sensor": "radar-1", "range_m": 5.0, "azimuth_deg": 7.0, "snr_db": 3.0},
        {"sensor": "radar-1", "range_m": 5.0, "identity": "a"},
        {"sensor": "radar-1"},
        {"sensor": "df-1", "azimuth_deg": 7.0},
        {"sensor": "receiver-1", "latitude_deg": 7.0, "longitude_deg": 7.0, "identity": "b"},
        {"sensor": "nobody"},
    ]
)
STEPS = st.sampled_from([0.0, 0.0, 0.01, 0.1, 0.3, 1.0, 2.5, 40.0])


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(CELLS, STEPS, st.integers(0, 3) | st.none(), st.sampled_from([0.0, 0.0, 0.2, 1.5])), max_size=40
    ),
    st.lists(st.integers(0, 40), max_size=6),
)
def test_how_rows_are_cut_into_chunks_does_not_matter(table, cuts):
    received, written = 0.0, []
    for cells, step, look, latency in table:
        received += step
        row = {"time": iso(received - latency), "received": iso(received), **cells}
        written.append(row if look is None else {**row, "look": look})
    rows, _ = rows_of_lines(map(line, written))

    def through(bounds):
        grouper, batches, rejected, records = looks.Looks(SITE), [], Counter(), 0
        for start, end in pairwise(bounds):
            part = rows.take(slice(start, end))
            out, refused = grouper.step(part, judge(part, SITE))
            batches += out
            rejected += refused
            records += len(part)
            assert records == sum(map(len, batches)) + rejected.total() + grouper.held
        batches += grouper.close()
        assert grouper.held == 0
        return encoded(batches), rejected

    n = len(rows)
    assert through([0, *sorted(cut for cut in cuts if cut <= n), n]) == through([0, n])


def test_parts_with_different_columns_are_joined_by_name():
    parts = [
        rows_of_lines([line(row)])[0] for row in (radar(0, snr_db=1.0), radar(1, identity="a"), radar(2, identity="b"))
    ]
    whole = joined(parts)
    assert [whole.texts["identity"].text(k) for k in range(3)] == [None, "a", "b"]
    assert whole.values["snr_db"][0] == 1.0
    assert np.isnan(whole.values["snr_db"][1:]).all()
    assert [whole.sensor.text(k) for k in range(3)] == ["radar-1"] * 3


def test_one_look_without_end_is_bounded_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(looks, "MAX_LOOK_ROWS", 10)
    batches, rejected = batches_of(tmp_path, [radar(k / 100, 1) for k in range(25)] + [radar(1.0, 2)])
    assert [len(b) for b in batches] == [10, 1]
    assert rejected == {Reject.OVERFLOW: 15}


def test_a_gzip_file_damaged_anywhere_is_a_fault_of_the_file(tmp_path, rng):
    packed = gzip.compress(
        b"time,sensor,range_m\n" + b"".join(f"2026-01-01,a,{x}\n".encode() for x in rng.random(2000))
    )
    for _ in range(50):
        damaged = bytearray(packed)
        damaged[int(rng.integers(20, len(packed) - 8))] ^= int(rng.integers(1, 256))
        (tmp_path / "table.csv.gz").write_bytes(damaged)
        with pytest.raises(ConfigError, match="broken gzip file"):
            all_of(tmp_path / "table.csv.gz")


def test_rows_out_of_order_are_put_in_order_of_receipt(tmp_path):
    rows = [radar(k / 10, k // 10) for k in range(40)]
    expected = encoded(batches_of(tmp_path, rows)[0])
    for path in (lines_file(tmp_path, rows[::-1]), tmp_path / "t.parquet"):
        if path.suffix == ".parquet":
            table = pa.table(
                {
                    "time": pa.array([T0 + k * SECOND // 10 for k in range(39, -1, -1)], pa.timestamp("ns")),
                    "sensor": ["radar-1"] * 40, "look": [k // 10 for k in range(39, -1, -1)],
                    "range_m": [1000.0] * 40, "azimuth_deg": [90.0] * 40,
                }
            )  # fmt: skip
            pq.write_table(table, path, row_group_size=7)
        assert encoded(all_of(path)[0]) == expected


def test_only_own_rows_are_taken_where_the_feed_says_so(tmp_path):
    rows = [radar(0.0), plot(0.0, sensor="df-1", azimuth_deg=1.0), {"time": iso(0), "range_m": 5.0}]
    batches, rejected = batches_of(tmp_path, rows, config=Config(sensors="own"))
    assert [(b.sensor, len(b)) for b in batches] == [("radar-1", 2)]
    assert rejected == {Reject.OTHER_SOURCE: 1}


# ------------------------------------------------------------------ files that are wrong


def test_every_fault_of_the_columns_is_told_at_once(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"time": ["yesterday"], "azimut_deg": [1.0], "range_m": ["far"], "look": [1.5], "zzz": [1]})
    pq.write_table(table, path)
    with pytest.raises(ConfigError) as caught:
        list(read_measurements(path, SITE))
    assert [str(fault) for fault in caught.value.faults] == [
        f"{path}: column azimut_deg: found a column that is not known; expected azimuth_deg, or no such column",
        f"{path}: column zzz: found a column that is not known; "
        "expected only columns of the measurement table (docs/feeds/table.md)",
        f"{path}: column sensor: found nothing; expected string: an id of the site file",
        f"{path}: column time: found string; expected timestamp (ns, us, ms or s; ISO 8601 in CSV and JSON lines), UTC",
        f"{path}: column range_m: found string; expected float64",
        f"{path}: column look: found double; expected int64",
    ]


def test_a_text_column_without_one_right_value_is_a_fault_and_one_bad_cell_is_a_reject(tmp_path):
    rows = ["time,sensor,range_m,look", "2026-11-20T12:00:00Z,radar-1,5.0,1", "2026-11-20T12:00:00Z,radar-1,far,1"]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([*rows, "too,short"]) + "\n")
    batches, rejected = all_of(path)
    assert (sum(map(len, batches)), rejected) == (1, {Reject.MALFORMED: 2})
    path.write_text("\n".join([rows[0], rows[2]]) + "\n")
    with pytest.raises(ConfigError, match=r"t.csv:2: range_m: found 'far'; expected float64"):
        all_of(path)
    lines = lines_file(tmp_path, [radar(0) | {"range_m": "far"}, radar(0) | {"range_m": 4.0, "x": 1}])
    with pytest.raises(ConfigError, match=r":2: x: found a column that is not known") as caught:
        all_of(lines)
    assert len(caught.value.faults) == 1
    assert all_of(lines_file(tmp_path, [radar(0) | {"range_m": "far"}, radar(0)]))[1] == {Reject.MALFORMED: 1}


def test_a_table_of_no_rows_gives_nothing(tmp_path):
    empty = pa.table({"time": pa.array([], pa.timestamp("ns")), "sensor": pa.array([], pa.string())})
    pq.write_table(empty, tmp_path / "t.parquet")
    pyarrow.feather.write_feather(empty, tmp_path / "t.arrow")
    (tmp_path / "t.csv").write_text("time,sensor,range_m\n")
    (tmp_path / "t.jsonl").write_text("\n")
    for form in GOLDEN_FORMATS:
        assert all_of(tmp_path / f"t.{form}") == ([], {})


def test_an_empty_file_or_none_is_a_fault(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    for name in ("empty", "missing"):
        with pytest.raises(ConfigError, match=name):
            list(read_measurements(tmp_path / name, SITE))


@pytest.mark.parametrize("form", GOLDEN_FORMATS)
def test_damaged_files_raise_nothing_but_config_error(tmp_path, form, rng):
    good = (HERE / f"golden.{form}").read_bytes()
    path = tmp_path / f"t.{form}"
    refused = 0
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            where = int(rng.integers(0, len(bad)))
            bad[where : where + int(rng.integers(0, 5))] = rng.bytes(int(rng.integers(0, 5)))
        if rng.random() < 0.2:
            del bad[int(rng.integers(0, len(bad))) :]
        path.write_bytes(bytes(bad))
        try:
            all_of(path)
        except ConfigError:
            refused += 1
    assert refused


# ------------------------------------------------------------------ the stream


def test_a_stream_gives_the_looks_of_the_file_with_the_times_of_arrival(tmp_path):
    rows = [radar(k / 4, k // 4) for k in range(40)]
    batches, rejected = live([line(row) for row in rows], Config(complete="next"))
    assert rejected == {}
    assert [(b.look, len(b)) for b in batches] == [(k, 4) for k in range(9)]  # the tenth is not complete
    assert batches[1].t_recv_ns.tolist() == [T0 + k * 1000 for k in range(4, 8)]
    whole = [batch.z.tobytes() for batch in batches_of(tmp_path, rows)[0]]
    assert [batch.z.tobytes() for batch in batches] == whole[:9]


def test_an_empty_row_completes_a_look_of_a_stream():
    lines = [line(radar(0.1, 1)), line(plot(1.0, 1)), line(radar(0.2, 1)), line(plot(2.0, 2))]
    batches, rejected = live(lines, Config(complete="next"))
    assert [(b.look, len(b), b.coverage.t_to_ns) for b in batches] == [(1, 1, T0 + SECOND), (2, 0, T0 + 2 * SECOND)]
    assert rejected == {Reject.NOT_A_MEASUREMENT: 2, Reject.LATE: 1}


def test_a_datagram_can_hold_whole_looks():
    frames = [line(radar(k, k)) + line(radar(k + 0.1, k)) for k in range(3)]
    assert [len(b) for b in live(frames)[0]] == [2, 2, 2]
    assert [len(b) for b in live(frames, Config(complete="next"))[0]] == [2, 2]


def test_rows_that_follow_in_another_datagram_are_used_but_give_no_second_coverage():
    frames = [line(radar(0.1, 1)), line(radar(0.2, 1)), line(radar(1.1, 2)), line(plot(0.3, 1))]
    batches, rejected = live(frames)
    assert [(b.look, len(b), b.coverage is None) for b in batches] == [(1, 1, False), (1, 1, True), (2, 1, False)]
    assert rejected == {Reject.NOT_A_MEASUREMENT: 1}


def test_control_characters_in_a_text_are_replaced():
    """Found by fuzzing: DEL and escaped controls came through as they were."""
    row = radar(0.1, 1) | {"identity": "3C6\x7f44", "callsign": "a\u0007b\u202ec"}
    (batch,), rejected = live([line(row)])
    assert (batch.texts["identity"].names, batch.texts["callsign"].names) == (("3C6\ufffd44",), ("a\ufffdb\ufffdc",))
    assert rejected == {}


def test_rows_without_look_are_not_kept_back():
    report = plot(0, sensor="receiver-1", latitude_deg=1.0, longitude_deg=1.0)
    assert [len(b) for b in live([line(report), line(radar(0.0)) * 2])[0]] == [1, 2]


def test_a_bad_line_does_not_cost_the_good_ones_beside_it():
    payload = b"\n".join(
        [
            line(radar(0.0)),
            b"{",
            b"[]",
            b'{"time": 5}',
            b'{"nope": 1}',
            b"\xff\xfe",
            b'{"look": 99999999999999999999}',
            b" ",
        ]
    )
    batches, rejected = live([payload])
    assert sum(map(len, batches)) == 1
    assert rejected == {Reject.MALFORMED: 5, Reject.UNSUPPORTED: 1}


def test_the_cut_is_the_last_newline_and_a_line_too_long_is_let_go():
    assert MANIFEST.cut(b"") == 0
    assert MANIFEST.cut(b"{}\n{") == 3
    assert MANIFEST.cut(b"x" * 65_536) == 0
    assert MANIFEST.cut(b"x" * 65_537) == 65_537
    batches, rejected = live([b"x" * 65_537])
    assert (batches, rejected) == ([], {Reject.MALFORMED: 1})


def test_a_frame_larger_than_any_is_refused():
    with pytest.raises(DecodeError):
        live([b"\n" * (9 << 20)])


def test_a_hundred_thousand_random_frames_raise_nothing(rng):
    feed = open_feed(Config(), RADAR, SITE)
    sizes = rng.integers(0, 40, 100_000)
    noise = rng.bytes(int(sizes.sum()))
    records = accounted = at = 0
    for size in sizes.tolist():
        result = feed(Frame(T0, noise[at : at + size]))
        records += result.records
        accounted += result.rejected.total() + sum(map(len, result.batches))
        at += size
    assert records == accounted > 100_000 // 2


JSON_VALUES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
ANY_ROW = st.fixed_dictionaries(
    {"time": st.sampled_from([iso(0), iso(1), iso(-1e9)]) | JSON_VALUES},
    optional={
        "sensor": st.sampled_from([s.id for s in SITE.sensors]) | JSON_VALUES,
        "look": st.integers(0, 3) | JSON_VALUES,
        **{name: st.floats(-800, 800) | JSON_VALUES for name in MEASURED},
        "identity": JSON_VALUES,
        "snr_db": JSON_VALUES,
    },
)


@settings(max_examples=200)
@given(st.lists(st.lists(ANY_ROW, max_size=5), max_size=6))
def test_any_json_rows_keep_the_sum_law(frames):
    batches, _ = live([b"".join(map(line, rows)) for rows in frames])
    for batch in batches:
        assert not np.isinf(batch.z).any()


# ------------------------------------------------------------------ writing


def some_batches():
    rng = np.random.default_rng(4)
    for k in range(12):
        sensor = SITE.sensors[k % 3]
        n, names = (k * 5) % 7, COLUMNS_OF[sensor.measures]
        t_meas = T0 + k * SECOND + np.sort(rng.integers(0, SECOND // 4, n))
        t_to_ns = int(t_meas.max(initial=T0 + k * SECOND))
        limits = (sensor.min_range_m, sensor.max_range_m, *sensor.azimuth_rad, *sensor.elevation_rad)
        cover = None if sensor is RECEIVER else Coverage(t_to_ns - SECOND, t_to_ns, *limits)
        if n == 0 and cover is not None:
            yield empty_look(sensor.id, sensor.measures, k, cover)
            continue
        sigma = rng.uniform(1e-3, 2e-3, (n, len(names)))
        sigma[:, -1] = np.nan
        attributes = {"snr_db": rng.normal(size=n)} if n else {}
        texts = {"identity": Labels.of(["3c6444", None, 'x, "y"', "3c6444"])} if n == 4 else {}
        z = rng.uniform(0.1, 1.0, (n, len(names)))
        yield MeasurementBatch(sensor.id, sensor.measures, t_meas, t_meas + 5, z, sigma, k, cover, attributes, texts)


@pytest.mark.parametrize("suffix", FORMATS)
def test_written_measurements_come_back(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    written = [batch for batch in some_batches() if len(batch) or batch.coverage]
    write_measurements(written, path, SITE)
    back = list(read_measurements(path, SITE))
    assert [(b.sensor, b.kind, b.look, len(b)) for b in back] == [(b.sensor, b.kind, b.look, len(b)) for b in written]
    for a, b in zip(written, back):
        assert a.t_meas_ns.tolist() == b.t_meas_ns.tolist()
        assert a.t_recv_ns.tolist() == b.t_recv_ns.tolist()
        np.testing.assert_allclose(b.z, a.z, rtol=1e-15)
        np.testing.assert_allclose(b.sigma, a.sigma, rtol=1e-14)
        if a.coverage is not None and len(a) == 0:
            assert a.coverage == b.coverage
        assert [[t.text(row) for row in range(len(a))] for t in a.texts.values()] == [
            [t.text(row) for row in range(len(b))] for t in b.texts.values()
        ]
        assert {k: v.tolist() for k, v in a.attributes.items()} == {k: v.tolist() for k, v in b.attributes.items()}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_what_the_table_cannot_say_is_refused(tmp_path):
    batch = next(b for b in some_batches() if len(b))
    with pytest.raises(ConfigError, match="suffix"):
        write_measurements([batch], tmp_path / "m.xlsx", SITE)
    with pytest.raises(ConfigError, match=batch.sensor):
        write_measurements([batch], tmp_path / "m.csv", Site(name="x", sensors=(), **PLACE))
    assert list(tmp_path.iterdir()) == []


def test_every_attribute_and_component_is_a_column():
    assert set(ATTRIBUTES) <= set(NAMES)
    assert {name for names in COLUMNS_OF.values() for name in names} == set(MEASURED)
