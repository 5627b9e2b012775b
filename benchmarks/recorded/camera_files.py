"""The files of a recorded multi-camera drone flight, in the layout of the ETH drone-tracking sets (arXiv 2003.04784).

====================================  ===========================================================================
``cameras.txt``                       ``cam0 - NAME`` a line: whose calibration each camera has
``calibration/…/NAME.json``           ``K-matrix``, ``distCoeff`` [k1, k2, p1, p2(, k3)], ``fps``; NAME may be a start
``detections/camN.txt``               ``frame x y`` px, one header line; ``0 0`` where the drone was not seen
``trajectory/rtk.txt``                ``x y z`` m, 5 rows a second: the truth
====================================  ===========================================================================

Every camera has a clock of its own: time of the truth = offset + rate · frame / fps.
"""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.recorded.flight_files import NotThere, one_line

RTK_PERIOD_S = 0.2
LEAST_TRUTH = 100  # rows: 20 s


@dataclass(frozen=True)
class Camera:
    """Frames in which the drone was seen: M rows. ``ray`` is the point without distortion at depth 1, camera axes
    right and down."""

    name: str
    focal_px: np.ndarray  # float64[2]
    t_own_s: np.ndarray  # float64[M] frame / fps, ascending
    ray: np.ndarray  # float64[M, 2]


@dataclass(frozen=True)
class Recording:
    cameras: list[Camera]
    truth: np.ndarray  # float64[N, 3] m, one row each RTK_PERIOD_S from time 0


def read_recording(folder: Path, only: tuple[str, ...] = ()) -> Recording:
    """Everything in ``folder``, or only those of its cameras that are named (``cam0`` …). Raises ``NotThere``."""
    if not folder.is_dir():
        raise NotThere(f"{folder}: no such folder")
    for part in ("cameras.txt", "calibration", "detections", "trajectory/rtk.txt"):
        if not (folder / part).exists():
            raise NotThere(f"{folder}: no {part}")
    try:
        return _read(folder, only)
    except (OSError, ValueError, KeyError, IndexError, TypeError, ZeroDivisionError) as fault:
        raise NotThere(f"{folder}: its files cannot be read ({type(fault).__name__}: {one_line(fault)})") from fault


def _read(folder: Path, only: tuple[str, ...]) -> Recording:
    named = re.findall(r"(?m)^\s*cam(\d+)\s*-\s*(\S+)", (folder / "cameras.txt").read_text(encoding="utf-8"))
    cameras = []
    wrong = [name for name in only if name.removeprefix("cam") not in dict(named)]
    if wrong:
        raise NotThere(f"{folder}: no camera {', '.join(wrong)} in cameras.txt")
    for number, name in named:
        if only and f"cam{number}" not in only:
            continue
        detections = folder / "detections" / f"cam{number}.txt"
        if not detections.is_file():
            raise NotThere(f"{detections}: no such file")
        cameras.append(_camera(f"cam{number}", _calibration(folder / "calibration", name), detections))
    if len(cameras) < 2:
        raise NotThere(f"{folder}: {len(cameras)} cameras; a position needs two")
    truth = np.loadtxt(folder / "trajectory/rtk.txt", ndmin=2)
    if truth.shape[1] < 3 or len(truth) < LEAST_TRUTH or not np.isfinite(truth[:, :3]).all():
        raise NotThere(f"{folder}: trajectory/rtk.txt has {len(truth)} rows of {truth.shape[1]} numbers; needs x y z")
    return Recording(cameras, truth[:, :3])


def backwards(recording: Recording) -> Recording:
    """The same flight as a film that is run backwards, so that what was its second half comes first."""
    cameras = []
    for camera in recording.cameras:
        last_s = camera.t_own_s[-1] if len(camera.t_own_s) else 0.0
        cameras.append(replace(camera, t_own_s=(last_s - camera.t_own_s)[::-1].copy(), ray=camera.ray[::-1].copy()))
    return Recording(cameras, recording.truth[::-1].copy())


def _calibration(folder: Path, name: str) -> dict:
    """The calibration of that name; else the only one whose name begins with it (a camera of several modes)."""
    files = sorted(folder.rglob(f"{name}.json")) or sorted(folder.rglob(f"{name}*.json"))
    if len(files) != 1:
        raise NotThere(f"{folder}: {len(files)} calibrations called {name}")
    return json.loads(files[0].read_text(encoding="utf-8"))


def _camera(name: str, calibration: dict, detections: Path) -> Camera:
    rows = np.loadtxt(detections, skiprows=1, ndmin=2)
    rows = rows[(rows[:, 1] != 0.0) | (rows[:, 2] != 0.0)]
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    K = np.array(calibration["K-matrix"], float)
    focal = np.array([K[0, 0], K[1, 1]])
    ray, is_good = undistorted((rows[:, 1:3] - K[:2, 2]) / focal, np.array([*calibration["distCoeff"], 0.0])[:5])
    return Camera(name, focal, rows[is_good, 0] / calibration["fps"], ray[is_good])


def distorted(ray: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Brown's model of a lens, [k1, k2, p1, p2, k3], on rays float64[M, 2] at depth 1."""
    k1, k2, p1, p2, k3 = coefficients
    x, y = ray.T
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return np.column_stack(
        (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y)
    )


def undistorted(seen: np.ndarray, coefficients: np.ndarray, rounds: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Its inverse by Newton steps with a derivative by differences. Also bool[M]: it was found to 1e-6."""
    ray, step = seen.copy(), 1e-6
    for _ in range(rounds):
        miss = distorted(ray, coefficients) - seen
        along = [(distorted(ray + step * axis, coefficients) - seen - miss) / step for axis in np.eye(2)]
        J = np.stack(along, axis=2)
        det = J[:, 0, 0] * J[:, 1, 1] - J[:, 0, 1] * J[:, 1, 0]
        det = np.where(np.abs(det) < 0.05, 0.05, det)  # beyond the fold of the polynomial nothing is found
        dx = (J[:, 1, 1] * miss[:, 0] - J[:, 0, 1] * miss[:, 1]) / det
        dy = (J[:, 0, 0] * miss[:, 1] - J[:, 1, 0] * miss[:, 0]) / det
        ray = ray - np.clip(np.column_stack((dx, dy)), -0.2, 0.2)
    return ray, np.abs(distorted(ray, coefficients) - seen).max(axis=1) < 1e-6
