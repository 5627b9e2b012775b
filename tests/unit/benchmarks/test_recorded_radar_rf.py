"""The benchmark of recorded radar and RF flights, on made-up flights in the same files."""

import csv
import gzip
import io
import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from benchmarks.recorded import __main__ as everything
from benchmarks.recorded import radar_rf
from benchmarks.recorded.flight_files import NotThere, read_flight, whole_seconds

START_S = 1_700_000_000
PLACE = 47.0, 9.0, 400.0  # of both sensors
METRE = 1 / 111_262.0, 1 / (111_319.49 * math.cos(math.radians(47.0)))  # degrees of latitude, longitude


@dataclass(frozen=True)
class Made:
    """A flight straight north at 8 m/s, 300 m east of the sensors, seen by a radar each 1.3 s without error."""

    seconds: int = 60
    radar_until_s: float = 60.0
    shift_m: float = 0.0
    shift_from_s: float = 1e9
    has_rf: bool = True


def stamp(t_s: float, form: str = "%Y-%m-%d %H:%M:%S.%f", cut: int = -3) -> str:
    text = datetime.fromtimestamp(START_S + t_s, UTC).strftime(form)
    return text[:cut] if cut else text


def where(t_s: float) -> tuple[float, float]:
    """Metres east and north of the sensors."""
    return 300.0, -200.0 + 8.0 * t_s


def write(path: Path, rows: list[dict]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with io.StringIO(newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
        raw = file.getvalue().encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def make(folder: Path, made: Made) -> Path:
    folder.mkdir()
    log = []
    for k in range(made.seconds * 10):
        east, north = where(k / 10)
        log.append(
            {
                "latitude": PLACE[0] + north * METRE[0], "longitude": PLACE[1] + east * METRE[1],
                "altitude(m)": 30.0 if k >= 50 else 0.0, "datetime(utc)": stamp(k / 10),
            }
        )  # fmt: skip
    write(folder / "flight.csv.gz", log)
    status = {f"AlviraSystemStatusSensorPosition_{c}": v for c, v in zip(("Latitude", "Longitude", "Altitude"), PLACE)}
    radar = [{"datetime(utc)": stamp(0, cut=-7), **status}]
    t_s = 2.0
    while t_s < made.radar_until_s:
        east, north = where(t_s)
        north += made.shift_m if t_s >= made.shift_from_s else 0.0
        row = {
            "datetime(utc)": stamp(t_s, cut=-7),
            "AlviraTracksTrack_Timestamp": stamp(t_s, "%Y-%m-%dT%H:%M:%S.%f") + "Z",
            "AlviraTracksTrackPosition_Latitude": PLACE[0] + north * METRE[0],
            "AlviraTracksTrackPosition_Longitude": PLACE[1] + east * METRE[1],
            "AlviraTracksTrackPosition_Altitude": 430.0, "AlviraTracksTrack_Classification": "SUSPECTED_DRONE",
        }  # fmt: skip
        radar += [row, row]  # a stale repeat
        t_s += 1.3
    write(folder / "ALVIRA_scenario.csv", radar)
    rf = []
    for k in range(1, made.seconds if made.has_rf else 2, 3):
        east, north = where(k)
        for kind, bearing in (
            ("aircraft" if made.has_rf else "controller", math.degrees(math.atan2(east, north))),
            ("controller", 200.0),
        ):
            rf.append(
                {
                    "datetime(utc)": stamp(k, cut=-7), "DianaSensorPosition_latitude_deg": PLACE[0],
                    "DianaSensorPosition_longitude_deg": PLACE[1], "DianaSensorPosition_altitude_m": PLACE[2],
                    "DianaTargetsTargetSignal_bearing_deg": bearing, "DianaTargetsTargetSignal_range_m": 100.0,
                    "DianaTargetsTargetClassification_type": kind,
                }
            )  # fmt: skip
    write(folder / "DIANA_scenario.csv", rf)
    finder = [
        {"datetime(utc)": stamp(k, cut=-7), "VenusTrigger_Azimuth": azimuth, "VenusTriggerVenusName_isThreat": threat}
        for k in range(0, made.seconds, 5)
        for azimuth, threat in ((10.0, 0.0), ("", 1.0))
    ]
    write(folder / "VENUS_scenario.csv", finder)
    return folder


def test_a_flight_that_the_radar_sees_is_held_and_its_region_holds_it(tmp_path):
    found = radar_rf.measure(make(tmp_path / "f", Made(has_rf=False)))
    assert found["seconds"] == 55
    assert found["delay_s"] <= 5.0  # three fixes 1.3 s apart, and what the log is late
    assert found["covered"] == pytest.approx(1.0 - found["delay_s"] / 55.0)
    assert found["capped_mean_m"] < 20.0  # the radar is taken for one of 15 m and 2.5°, most of which lasts
    assert found["region_holds"] > 0.9
    assert found["elsewhere_per_h"] == 0.0
    assert found["identity_switches"] == 0


def test_a_track_in_the_wrong_place_counts_as_none_and_as_one_elsewhere(tmp_path):
    found = radar_rf.measure(make(tmp_path / "f", Made(shift_m=1000.0, shift_from_s=0.0, has_rf=False)))
    assert found["covered"] == 0.0
    assert found["capped_mean_m"] == 100.0
    assert found["region_holds"] == 0.0
    assert found["elsewhere_per_h"] > 0.0


def test_nothing_that_is_logged_later_changes_a_picture(tmp_path):
    """Causality: two flights whose files differ from second 30 on have the same pictures up to it."""
    one = read_flight(make(tmp_path / "one", Made()))
    other = read_flight(make(tmp_path / "other", Made(shift_m=500.0, shift_from_s=30.0)))
    seconds = np.arange(START_S + 5, START_S + 45)
    pairs = list(zip(seconds, radar_rf.pictures(one, seconds), radar_rf.pictures(other, seconds), strict=True))
    before = [np.array_equal(a.x, b.x) for second, a, b in pairs if second < START_S + 30]
    after = [np.array_equal(a.x, b.x) for second, a, b in pairs if second > START_S + 40]
    assert all(before) and any(len(a) for second, a, _ in pairs if second < START_S + 30)
    assert not any(after)


def test_repeats_the_pilot_and_other_radios_are_left_out(tmp_path):
    flight = read_flight(make(tmp_path / "f", Made()))
    rows = [batch.sensor for batch in flight.batches]
    assert rows.count("alvira") == flight.repeats == 45
    assert rows.count("diana") == 20
    assert rows.count("venus") == 0
    bearings = [math.degrees(b.z[0, 0]) for b in flight.batches if b.sensor == "diana"]
    assert all(abs(bearing - 200.0) > 10.0 for bearing in bearings)


def test_a_range_by_signal_strength_is_told_beside_the_bearing(tmp_path):
    flight = read_flight(make(tmp_path / "f", Made()))
    for batch in (b for b in flight.batches if b.sensor == "diana"):
        assert batch.attributes["signal_range_m"].tolist() == [100.0]
    assert flight.site.sensor("diana").sigma_range_share > 0.5


def test_no_row_is_known_before_its_own_time_nor_before_it_was_logged(tmp_path):
    flight = read_flight(make(tmp_path / "f", Made()))
    received = [int(batch.t_recv_ns[0]) for batch in flight.batches]
    assert received == sorted(received)
    assert all(batch.t_recv_ns[0] >= batch.t_meas_ns[0] for batch in flight.batches)


def test_a_radar_position_becomes_range_and_azimuth_from_the_radar(tmp_path):
    flight = read_flight(make(tmp_path / "f", Made()))
    batch = next(batch for batch in flight.batches if batch.sensor == "alvira")
    east, north = where(2.0)
    assert batch.z[0, 0] == pytest.approx(math.hypot(east, north, 30.0), rel=2e-3)
    assert batch.z[0, 1] == pytest.approx(math.atan2(east, north) % (2 * math.pi), abs=2e-3)
    assert batch.z[0, 2] == pytest.approx(math.atan2(30.0, math.hypot(east, north)), abs=2e-3)
    assert batch.sigma[0, 2] > math.radians(5.0)  # its height is a guess


def test_seconds_in_a_hole_of_the_log_are_marked(tmp_path):
    truth = read_flight(make(tmp_path / "f", Made())).truth
    kept = (truth.t_s < START_S + 20.0) | (truth.t_s > START_S + 30.0)
    columns = {name: getattr(truth, name)[kept] for name in ("t_s", "latitude_deg", "longitude_deg", "height_m")}
    seconds, _, _, in_hole = whole_seconds(replace(truth, **columns))
    assert (seconds[in_hole] - START_S).tolist() == list(range(20, 31))


def test_data_that_is_not_there_is_said(tmp_path, monkeypatch, capsys):
    with pytest.raises(NotThere, match="no such folder"):
        read_flight(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("sys.argv", ["radar_rf", str(tmp_path / "empty")])
    assert radar_rf.main() == 3
    assert "the data is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("ALVIRA_scenario.csv", b"", "cannot be read"),
        ("DIANA_scenario.csv", b"a,b\n1,2\n", "cannot be read"),
        ("flight.csv.gz", b"no gzip", "cannot be read|rows with place"),
        ("flight.csv.gz", gzip.compress(b"latitude,longitude,altitude(m),datetime(utc)\n"), "0 rows"),
    ],
)
def test_a_broken_file_is_said_in_one_line(tmp_path, file, content, said):
    folder = make(tmp_path / "f", Made(seconds=20, radar_until_s=20.0))
    (folder / file).write_bytes(content)
    with pytest.raises(NotThere, match=said) as reason:
        read_flight(folder)
    assert "\n" not in str(reason.value)


def test_the_command_writes_its_figures(tmp_path, monkeypatch, capsys):
    folder = make(tmp_path / "f", Made(seconds=20, radar_until_s=20.0))
    monkeypatch.setattr("sys.argv", ["radar_rf", str(folder), "--json", str(tmp_path / "out.json")])
    assert radar_rf.main() == 0
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert found["flight"] == "f" and found["seconds"] == 15
    assert "capped_mean_m" in capsys.readouterr().out


def test_every_recording_under_a_folder_is_found_and_none_is_said(tmp_path, monkeypatch, capsys):
    make(tmp_path / "f", Made(seconds=20, radar_until_s=20.0))
    out = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["recorded", str(tmp_path), "--json", str(out)])
    assert everything.main() == 0
    assert json.loads((out / "f.json").read_text(encoding="utf-8"))["recorded"] is True
    monkeypatch.setattr("sys.argv", ["recorded", str(out)])
    assert everything.main() == 3
    assert "the data is not there" in capsys.readouterr().err
