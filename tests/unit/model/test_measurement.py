"""The batch checks what it is given and never changes."""

import numpy as np
import pytest

from lowsky.model.measurement import Coverage, Labels, MeasurementBatch, MeasurementKind, empty_look


def batch(n=3, **changed):
    columns = {
        "sensor": "radar-1",
        "kind": MeasurementKind.BEARING,
        "t_meas_ns": np.arange(n, dtype=np.int64),
        "t_recv_ns": np.arange(n, dtype=np.int64) + 5,
        "z": np.zeros((n, 2)),
        "sigma": np.full((n, 2), np.nan),
    }
    return MeasurementBatch(**{**columns, **changed})


def test_a_wrong_shape_or_dtype_is_refused_by_name():
    with pytest.raises(TypeError, match=r"z was float64\[3, 3\], needs float64\[3, 2\]"):
        batch(z=np.zeros((3, 3)))
    with pytest.raises(TypeError, match="t_meas_ns was int32"):
        batch(t_meas_ns=np.arange(3, dtype=np.int32))


def test_columns_nobody_declared_are_refused():
    with pytest.raises(TypeError, match="mood"):
        batch(attributes={"mood": np.zeros(3)})


def test_a_batch_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        batch().z[0, 0] = 1.0


def test_taking_rows_keeps_every_column_in_step():
    whole = batch(attributes={"snr_db": np.array([1.0, 2.0, 3.0])}, texts={"identity": Labels.of(["a", None, "b"])})
    part = whole.take(np.array([2, 0]))
    assert part.attributes["snr_db"].tolist() == [3.0, 1.0]
    assert [part.texts["identity"].text(i) for i in range(2)] == ["b", "a"]
    assert part.t_meas_ns.tolist() == [2, 0]


def test_equal_texts_share_a_code_and_missing_has_none():
    labels = Labels.of(["x", "y", "x", None])
    assert labels.codes.tolist() == [0, 1, 0, -1]
    assert labels.names == ("x", "y")


def test_an_empty_look_has_the_time_of_its_end_and_an_empty_batch_without_coverage_has_none():
    assert empty_look("radar-1", MeasurementKind.RADAR, 3, Coverage(10, 20, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)).t_ns == 20
    with pytest.raises(ValueError, match="no time"):
        _ = batch(0).t_ns


def test_moving_a_batch_moves_rows_coverage_and_arrival():
    moved = batch(coverage=Coverage(0, 2, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0)).moved(100, 7)
    assert moved.t_meas_ns.tolist() == [100, 101, 102]
    assert moved.t_recv_ns.tolist() == [12, 13, 14]
    assert (moved.coverage.t_from_ns, moved.coverage.t_to_ns) == (100, 102)
