"""The track table: the contract's columns, one row per track and time, whole or not at all."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from lowsky.engine.tracktable import TrackTableWriter
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.site import Sensor, Site
from lowsky.model.track import PositionKind, TrackSnapshot, TrackStatus

PLACE = {"latitude_rad": 0.6, "longitude_rad": 2.2, "height_m": 10.0}
SITE = Site(
    name="Table",
    sensors=(
        Sensor(id="radar-1", kind="radar", sigma_range_m=1.0, sigma_azimuth_rad=0.1, **PLACE),
        Sensor(id="rid-1", kind="cooperative", **PLACE),
    ),
    **PLACE,
)
S = 1_000_000_000


def snapshot(t_s, ids=(3, 8), kinds=None, sensors=(1, 3), identity=(None, "abc123")):
    n = len(ids)
    p_class = np.zeros((n, len(ObjectClass)))
    p_class[:, ObjectClass.BIRD] = 0.85
    p_class[:, ObjectClass.MULTIROTOR] = 0.15
    return TrackSnapshot(
        t_ns=t_s * S, track_id=np.array(ids), t_state_ns=np.full(n, t_s * S), t_update_ns=np.full(n, t_s * S),
        x=np.tile([1000.0, 2000.0, 50.0, 3.0, 4.0, 0.5], (n, 1)), P=np.tile(np.diag([4.0, 9, 16, 1, 1, 1]), (n, 1, 1)),
        existence=np.full(n, 0.9), status=np.full(n, TrackStatus.CONFIRMED, np.uint8),
        position_kind=np.array(kinds or [PositionKind.POINT] * n, np.uint8), sensors=np.array(sensors, np.uint64),
        origin_sensor=np.full(n, -1, np.int16), bearing=np.full((n, 2), np.nan), class_probability=p_class,
        identity=identity,
    )  # fmt: skip


def written(path, *snapshots):
    with TrackTableWriter(path, SITE) as table:
        for tracks in snapshots:
            table.put(tracks)
    return pq.read_table(path).to_pylist()


def test_a_row_holds_what_the_contract_says(tmp_path):
    rows = written(tmp_path / "tracks.parquet", snapshot(5))
    first, second = rows
    assert [row["track_id"] for row in rows] == [3, 8]
    assert first["status"] == "confirmed"
    assert (first["class"], first["class_probability"]) == ("bird", 0.85)
    assert dict(first["class_probabilities"]) == {"multirotor": 0.15, "bird": 0.85}
    assert (first["sensors"], second["sensors"]) == (["radar-1"], ["radar-1", "rid-1"])
    assert (first["identity"], second["identity"]) == (None, "abc123")
    assert len(first["covariance"]) == 21
    assert first["covariance"][:1] + first["covariance"][6:7] == pytest.approx([4.0, 9.0], rel=1e-3)
    frame = EnuFrame.at(**PLACE)
    place = frame.pos_enu(*np.radians([first["latitude_deg"], first["longitude_deg"]]), np.float64(first["height_m"]))
    assert place == pytest.approx([1000.0, 2000.0, 50.0], abs=1e-6)
    assert first["time"].timestamp() == 5.0


def test_the_same_state_is_written_once(tmp_path):
    rows = written(tmp_path / "tracks.parquet", snapshot(5), snapshot(5), snapshot(6), snapshot(6, ids=(8, 9)))
    keys = [(row["track_id"], row["time"]) for row in rows]
    assert len(keys) == len(set(keys)) == 5


def test_an_object_known_by_its_bearing_alone_has_no_row(tmp_path):
    rows = written(tmp_path / "tracks.parquet", snapshot(5, kinds=[PositionKind.WEDGE, PositionKind.POINT]))
    assert [row["track_id"] for row in rows] == [8]


def test_a_failed_run_leaves_no_file(tmp_path):
    path = tmp_path / "tracks.parquet"
    with pytest.raises(ZeroDivisionError), TrackTableWriter(path, SITE) as table:
        table.put(snapshot(5))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_far_from_the_origin_up_is_another_direction():
    frame = EnuFrame.at(**PLACE)
    x = np.array([[100_000.0, 0, 0, 0, 0, 1.0]])
    _, velocity, covariance = frame.local_states(x, np.eye(6)[None])
    assert velocity[0, 0] == pytest.approx(-np.sin(100_000 / 6_380_000), rel=0.01)  # the site's up leans west there
    np.testing.assert_allclose(covariance[0], np.eye(6), atol=1e-12)
