"""The benchmark of recorded cameras, on a made-up set in the same files."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from benchmarks.recorded import cameras
from benchmarks.recorded.camera_files import RTK_PERIOD_S, backwards, distorted, read_recording, undistorted
from benchmarks.recorded.flight_files import NotThere
from benchmarks.recorded.resection import fit
from benchmarks.recorded.sighting import Eye, filtered
from scipy.spatial.transform import Rotation

LENS = np.array([-0.2, 0.05, 0.001, -0.0005, 0.0])
K = np.array([[1400.0, 0.0, 960.0], [0.0, 1390.0, 540.0], [0.0, 0.0, 1.0]])
FPS = 25.0
CLOCKS = ((7.3, 1.0002), (-3.1, 0.9995), (1.7, 1.0))  # offset s, rate of each camera
CENTRES = np.array([[60.0, -50.0, 1.0], [-70.0, -40.0, 2.0], [5.0, 80.0, 1.5]])
LENGTH_S = 60.0


def path_of(t_s: np.ndarray) -> np.ndarray:
    """Where the drone is, float64[N, 3] m: bounded, smooth and nowhere twice in the same way."""
    return np.column_stack(
        (25 * np.sin(0.21 * t_s) + 6 * np.sin(0.67 * t_s), 22 * np.cos(0.16 * t_s), 22 + 12 * np.sin(0.11 * t_s + 0.4))
    )


def turn_towards(centre: np.ndarray) -> np.ndarray:
    """Axes right, down, forward of a camera that looks at the middle of the flight."""
    forward = np.array([0.0, 0.0, 22.0]) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack((right, np.cross(forward, right), forward))


def make(folder: Path, rng: np.random.Generator, noise_px: float = 0.5) -> Path:
    for part in ("calibration", "detections", "trajectory"):
        (folder / part).mkdir(parents=True)
    names = [f"cam{j} - made{j}" for j in range(len(CLOCKS))]
    (folder / "cameras.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    t_s = np.arange(0.0, LENGTH_S + 1e-9, RTK_PERIOD_S)
    np.savetxt(folder / "trajectory/rtk.txt", path_of(t_s))
    for j, (offset_s, rate) in enumerate(CLOCKS):
        lens = {"K-matrix": K.tolist(), "distCoeff": LENS.tolist(), "fps": FPS, "resolution": [1920, 1080]}
        (folder / "calibration" / f"made{j}_1.json").write_text(json.dumps(lens), encoding="utf-8")
        frame = np.arange(1, int(70 * FPS))
        local = (path_of(offset_s + rate * frame / FPS) - CENTRES[j]) @ turn_towards(CENTRES[j]).T
        pixel = distorted(local[:, :2] / local[:, 2:], LENS) * K[[0, 1], [0, 1]] + K[:2, 2]
        pixel += rng.normal(0.0, noise_px, pixel.shape)
        pixel[rng.random(len(frame)) < 0.01] += 200.0  # somebody clicked on a bird
        pixel[rng.random(len(frame)) < 0.1] = 0.0
        np.savetxt(
            folder / f"detections/cam{j}.txt", np.column_stack((frame, pixel)), header="frame no. x y", comments=" "
        )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("cameras") / "made", np.random.default_rng(20260921))


@pytest.fixture(scope="module")
def recording(folder):
    return read_recording(folder)


@pytest.fixture(scope="module")
def fit_once():
    """``fit``, which takes seconds, for each camera and truth once."""
    known = {}

    def fitted(camera, truth, until_s):
        key = camera.t_own_s.tobytes(), camera.ray.tobytes(), truth.tobytes(), until_s
        if key not in known:
            known[key] = fit(camera, truth, until_s)
        return known[key]

    return fitted


@pytest.fixture(scope="module")
def eyes(recording, fit_once):
    return [Eye(camera, fit_once(camera, recording.truth, LENGTH_S / 2)) for camera in recording.cameras]


def test_pose_and_clock_are_found_from_the_first_half(eyes):
    for eye, (offset_s, rate), centre in zip(eyes, CLOCKS, CENTRES, strict=True):
        assert eye.pose.offset_s == pytest.approx(offset_s, abs=0.03)
        assert eye.pose.rate == pytest.approx(rate, abs=1e-3)
        assert np.linalg.norm(eye.pose.centre - centre) < 0.3
        assert Rotation.from_matrix(eye.pose.turn @ turn_towards(centre).T).magnitude() < 0.01
        assert 0.3 < eye.pose.sigma_px < 0.8


def test_the_second_half_of_the_truth_is_not_looked_at(recording, eyes):
    changed = recording.truth.copy()
    changed[np.arange(len(changed)) * RTK_PERIOD_S >= LENGTH_S / 2] += 100.0
    again = fit(recording.cameras[0], changed, LENGTH_S / 2)
    np.testing.assert_array_equal(again.centre, eyes[0].pose.centre)
    assert (again.offset_s, again.rate) == (eyes[0].pose.offset_s, eyes[0].pose.rate)


def test_the_filter_uses_no_frame_of_the_future(eyes):
    t_s = np.arange(30.0, 40.0, 0.2)
    whole, _ = filtered(eyes, t_s)
    part, _ = filtered(eyes, t_s[:20])
    assert np.isfinite(part).all()
    np.testing.assert_array_equal(whole[:20], part)


def test_every_epoch_of_the_second_half_with_two_cameras_is_solved_to_centimetres(folder, fit_once, monkeypatch):
    monkeypatch.setattr(cameras, "fit", fit_once)
    found = cameras.measure(folder)
    assert found["epochs"] == 150
    assert found["filter_solved"] == found["alone_solved"] == found["epochs_two_cameras"] > 130
    assert found["filter_median_m"] < 0.1
    assert found["alone_median_m"] < 0.1
    assert found["filter_p95_m"] < 0.4
    assert found["filter_inside_95"] > 0.93
    assert found["epochs_one_camera"] + found["epochs_no_camera"] == 150 - found["epochs_two_cameras"]
    assert found["left_out"] == []


def test_lowskys_own_tracker_solves_them_too_and_knows_how_well(folder, fit_once, monkeypatch):
    monkeypatch.setattr(cameras, "fit", fit_once)
    found = cameras.measure(folder)
    assert found["lowsky_solved"] == found["epochs_two_cameras"]
    assert found["lowsky_median_m"] < 0.1
    assert found["lowsky_inside_95"] > 0.93


def test_any_two_of_the_cameras_will_do(folder, fit_once, monkeypatch):
    monkeypatch.setattr(cameras, "fit", fit_once)
    found = cameras.measure(folder, only=("cam0", "cam2"))
    assert list(found["cameras"]) == ["cam0", "cam2"]
    assert found["filter_solved"] == found["lowsky_solved"] == found["epochs_two_cameras"] > 100
    assert found["filter_median_m"] < 0.15


def test_a_flight_run_backwards_has_its_second_half_first(recording):
    back = backwards(recording)
    np.testing.assert_array_equal(back.truth[::-1], recording.truth)
    for camera, turned in zip(recording.cameras, back.cameras, strict=True):
        assert (np.diff(turned.t_own_s) > 0).all()
        np.testing.assert_array_equal(turned.ray[0], camera.ray[-1])
    again = backwards(back)
    np.testing.assert_allclose(
        again.cameras[0].t_own_s - again.cameras[0].t_own_s[0],
        recording.cameras[0].t_own_s - recording.cameras[0].t_own_s[0],
    )


def test_undistortion_is_the_inverse_of_the_lens(rng):
    ray = rng.uniform(-0.6, 0.6, (500, 2))
    back, is_good = undistorted(distorted(ray, LENS), LENS)
    assert is_good.all()
    np.testing.assert_allclose(back, ray, atol=1e-6)


def test_a_point_that_no_ray_makes_is_said_to_have_none():
    """The polynomial of this lens folds: no radius is shown farther out than 0.9."""
    _, is_good = undistorted(np.array([[2.5, 0.0], [0.1, 0.1]]), np.array([-0.3, 0.0, 0.0, 0.0, 0.0]))
    assert is_good.tolist() == [False, True]


def test_data_that_is_not_there_is_said(tmp_path, monkeypatch, capsys):
    with pytest.raises(NotThere, match="no such folder"):
        read_recording(tmp_path / "nowhere")
    monkeypatch.setattr("sys.argv", ["cameras", str(tmp_path)])
    assert cameras.main() == 3
    said = capsys.readouterr().err
    assert "the data is not there" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("cameras.txt", "nothing", "0 cameras"),
        ("trajectory/rtk.txt", "1 2\n3 4\n", "needs x y z"),
        ("trajectory/rtk.txt", "x y z\n", "cannot be read"),
        ("detections/cam1.txt", "frame x y\n1 a b\n", "cannot be read"),
        ("calibration/made2_1.json", "{", "cannot be read"),
        ("calibration/made2_1.json", '{"fps": 25}', "K-matrix"),
    ],
)
def test_a_broken_file_is_said_in_one_line(folder, tmp_path, file, content, said):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / file).write_text(content, encoding="utf-8")
    with pytest.raises(NotThere, match=said) as reason:
        read_recording(broken)
    assert "\n" not in str(reason.value)


def test_a_camera_that_is_not_in_the_set_is_said(folder):
    with pytest.raises(NotThere, match="no camera cam7"):
        read_recording(folder, ("cam0", "cam7"))
