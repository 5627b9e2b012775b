"""Where a camera stands, how it looks and what its clock says, from a known track: eight numbers a camera."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from benchmarks.recorded.camera_files import RTK_PERIOD_S, Camera

SCAN_STEP_S = 0.2
SCAN_POINTS = 250
SCAN_KEPT = 5
SOFT_PX = 3.0  # residuals beyond it count linearly: labels are made by hand
FIT_POINTS = 4000


@dataclass(frozen=True)
class Pose:
    """Camera axes R @ (p − centre), with centre in the truth's frame; time = offset + rate · own time."""

    turn: np.ndarray  # float64[3, 3]
    centre: np.ndarray  # float64[3] m
    offset_s: float
    rate: float
    sigma_px: float  # of one coordinate, robust
    lasting_px: np.ndarray  # float64[2] of each coordinate, so that 95 % of what was fitted is within 1.96
    n: int

    def times(self, camera: Camera) -> np.ndarray:
        return self.offset_s + self.rate * camera.t_own_s


def fit(camera: Camera, truth: np.ndarray, until_s: float) -> Pose:
    """The pose that explains what ``camera`` saw of ``truth`` (float64[N, 3], 5 rows a second) before ``until_s``.

    Where its clock is nobody tells: every offset in steps of 0.2 s is tried with a linear fit and the best few are
    refined. Best is what explains most: n · log(spread / miss), for a short piece of a track fits many a pose. Nothing
    of the truth at ``until_s`` or later enters. Raises ``ValueError`` where nothing fits.
    """
    times = np.arange(len(truth)) * RTK_PERIOD_S
    path = CubicSpline(times[times < until_s], truth[times < until_s])
    until_s = float(path.x[-1])
    scanned = []
    for offset in np.arange(-camera.t_own_s[-1], until_s - camera.t_own_s[0], SCAN_STEP_S):
        inside = _inside(camera.t_own_s + offset, until_s)
        if len(inside) >= SCAN_POINTS:  # a handful of frames would fit anything
            rows = _thinned(inside, SCAN_POINTS)
            miss, *start = _linear(camera.ray[rows], path(camera.t_own_s[rows] + offset))
            scanned.append((_explained(miss, camera.ray[rows], len(inside)), *start, offset))
    if not scanned:
        raise ValueError(f"{camera.name}: fewer than {SCAN_POINTS} frames can be of the time before {until_s} s")
    scanned.sort(key=lambda found: -found[0])
    fitted = [_refine(camera, path, until_s, start) for _, *start in scanned[:SCAN_KEPT]]
    return max(fitted, key=lambda found: found[0])[1]


def _inside(t_s: np.ndarray, until_s: float) -> np.ndarray:
    return np.flatnonzero((t_s >= 0.0) & (t_s < until_s))


def _thinned(rows: np.ndarray, most: int) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]


def _explained(miss: float, ray: np.ndarray, n: int) -> float:
    """What a fit with this median miss at depth 1 tells about the rays of n frames, in nats or so."""
    return n * float(np.log(ray.std(axis=0).mean() / max(miss, 1e-9)))


def _linear(ray: np.ndarray, point: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """A pose by the direct linear transform, three times more without the fifth of the rays that its projection matrix
    misses most: its median miss at depth 1 over all of them, and the nearest pose as rotation vector and centre."""
    middle, scale = point.mean(axis=0), point.std() + 1e-9
    X = np.column_stack(((point - middle) / scale, np.ones(len(point))))
    zero = np.zeros_like(X)
    A = np.stack((np.hstack((X, zero, -ray[:, :1] * X)), np.hstack((zero, X, -ray[:, 1:] * X))), axis=1)
    kept = np.arange(len(ray))
    for _ in range(4):
        rows = A[kept].reshape(-1, 12)
        M = np.linalg.eigh(rows.T @ rows)[1][:, 0].reshape(3, 4)
        kept = np.argsort(_off(ray, X @ M.T), kind="stable")[: len(ray) * 4 // 5]
    if np.linalg.det(M[:, :3]) < 0.0:  # a rotation times a positive scale
        M = -M
    U, s, Vt = np.linalg.svd(M[:, :3])
    turn, centre = U @ Vt, middle - scale * (Vt.T @ ((U.T @ M[:, 3]) / np.maximum(s, 1e-9)))
    return float(np.median(_off(ray, X @ M.T))), Rotation.from_matrix(turn).as_rotvec(), centre


def _off(ray: np.ndarray, local: np.ndarray) -> np.ndarray:
    """The larger of both coordinates' misses at depth 1; float64[M, 3] points may lie behind the camera."""
    depth = np.where(np.abs(local[:, 2]) < 1e-6, 1e-6, local[:, 2])
    return np.abs(local[:, :2] / depth[:, None] - ray).max(axis=1)


def _refine(camera: Camera, path: CubicSpline, until_s: float, start: list) -> tuple[float, Pose]:
    turn, centre, offset = start
    parameters = np.array([*turn, *centre, offset, 1.0])
    for _ in range(3):  # which frames are of the first half depends on the clock
        inside = _inside(parameters[6] + parameters[7] * camera.t_own_s, until_s)
        if len(inside) < SCAN_POINTS:
            break  # it ran away; what it explains says so
        rows = _thinned(inside, FIT_POINTS)
        own, ray = camera.t_own_s[rows], camera.ray[rows]
        parameters = least_squares(
            lambda p, own=own, ray=ray: _residuals(p, own, ray, camera.focal_px, path, until_s).ravel(), parameters,
            loss="soft_l1", f_scale=SOFT_PX, x_scale=[0.01, 0.01, 0.01, 1.0, 1.0, 1.0, 0.1, 1e-3],
        ).x  # fmt: skip
    left = _residuals(parameters, own, ray, camera.focal_px, path, until_s)
    sigma = 1.4826 * float(np.median(np.abs(left)))
    lasting = np.percentile(np.abs(left), 95, axis=0) / 1.96
    explained = _explained(sigma / camera.focal_px.mean(), ray, len(inside))
    return explained, Pose(
        Rotation.from_rotvec(parameters[:3]).as_matrix(),
        parameters[3:6],
        parameters[6],
        parameters[7],
        sigma,
        lasting,
        len(rows),
    )


def _residuals(p, own, ray, focal, path, until_s) -> np.ndarray:
    """Pixels off, float64[M, 2]."""
    t = np.clip(p[6] + p[7] * own, 0.0, until_s)
    local = (path(t) - p[3:6]) @ Rotation.from_rotvec(p[:3]).as_matrix().T
    return (local[:, :2] / np.maximum(local[:, 2:], 0.1) - ray) * focal
