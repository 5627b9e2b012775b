"""Rays of posed cameras to positions: each moment by itself, or by a filter that only looks back."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from benchmarks.recorded.camera_files import Camera
from benchmarks.recorded.resection import Pose

BETWEEN_S = 0.2  # a camera sees a moment that lies between frames no farther apart
SOFT_SIGMA = 1.5  # rays off by more count linearly (Huber)
LABEL_PX = 0.3  # no label is drawn better
ACCELERATION = 10.0  # m²/s³: a multirotor's 3 m/s² for a second
LASTING_S = 3.0  # a ray's error stays about the same for so long: the drone has moved through some of the image then
EXTENT_M = 0.1  # 1σ each way: the middle of what is labelled and the truth's antenna lie within 0.2 m of a small drone
START_VAR = np.array([2.0, 2.0, 2.0, 5.0, 5.0, 5.0]) ** 2  # m², m²/s²
START_S = 0.1  # rays this close in time start the filter
GATE = 6.0  # σ; what lies outside is another object, or the filter has lost this one
LOST_AFTER = 50  # such rays in a row
SHOWN_SIGMA_M = 10.0  # wider is no position


@dataclass(frozen=True)
class Eye:
    """A camera with its pose."""

    camera: Camera
    pose: Pose

    @property
    def sigma(self) -> np.ndarray:
        """Of a ray at depth 1, float64[2]."""
        return np.hypot(self.pose.sigma_px, LABEL_PX) / self.camera.focal_px

    @property
    def lasting(self) -> np.ndarray:
        """1σ of what of it lasts, float64[2]."""
        return np.maximum(self.pose.lasting_px, LABEL_PX) / self.camera.focal_px

    def local(self, point: np.ndarray) -> np.ndarray:
        return self.pose.turn @ (point - self.pose.centre)

    def planes(self, ray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Two planes through the ray: normals float64[2, 3] and their distances float64[2]."""
        normals = self.pose.turn[:2] - ray[:, None] * self.pose.turn[2]
        return normals, normals @ self.pose.centre


def rays_at(eyes: list[Eye], t_s: np.ndarray) -> np.ndarray:
    """Rays at times float64[K], straight between neighbouring frames: float64[K, eyes, 2], NaN where not seen.

    Uses the frame after each time, at most 0.2 s later.
    """
    out = np.full((len(t_s), len(eyes), 2), np.nan)
    for j, eye in enumerate(eyes):
        own = eye.pose.times(eye.camera)
        after = np.searchsorted(own, t_s).clip(1, len(own) - 1)
        before, gap = after - 1, own[after] - own[after - 1]
        share = (t_s - own[before]) / np.maximum(gap, 1e-9)
        seen = (gap > 0.0) & (gap <= BETWEEN_S) & (share >= 0.0) & (share <= 1.0)
        between = eye.camera.ray[before] + share[:, None] * (eye.camera.ray[after] - eye.camera.ray[before])
        out[seen, j] = between[seen]
    return out


def linear_point(eyes: list[Eye], rays: list[np.ndarray]) -> np.ndarray:
    """The point nearest to the planes of all rays, float64[3]."""
    normals, distances = zip(*(eye.planes(ray) for eye, ray in zip(eyes, rays, strict=True)), strict=True)
    return np.linalg.lstsq(np.vstack(normals), np.concatenate(distances), rcond=None)[0]


def triangulate(eyes: list[Eye], rays: np.ndarray) -> np.ndarray:
    """Position of one moment from rays float64[eyes, 2] (NaN: not seen), each weighed by its camera's σ; NaN from
    fewer than two."""
    seen = np.flatnonzero(np.isfinite(rays[:, 0]))
    if len(seen) < 2:
        return np.full(3, np.nan)
    mine, its = [eyes[j] for j in seen], [rays[j] for j in seen]

    def residuals(point: np.ndarray) -> np.ndarray:
        local = np.array([eye.local(point) for eye in mine])
        return np.concatenate(
            [(d[:2] / max(d[2], 0.1) - ray) / eye.sigma for eye, d, ray in zip(mine, local, its, strict=True)]
        )

    return least_squares(residuals, linear_point(mine, its), loss="soft_l1", f_scale=SOFT_SIGMA).x


class SightFilter:
    """Constant velocity with white acceleration and, for each camera, an error of its rays that lasts; one update a
    frame, in order of time (extended Kalman filter).

    Nearly all of a camera's error lasts: its pose, its lens and where on the drone the label sits are off by the same
    for seconds (what changes from frame to frame is a tenth of it). So it is a state: β ← e^(−Δ/τ) β + noise, of the
    size found where the pose was fitted. What the label means and where the truth's antenna sits is common to all
    cameras and cannot be seen by them; the shown covariance takes it in (``EXTENT_M``).
    """

    def __init__(self, eyes: list[Eye]) -> None:
        self._eyes = eyes
        self._x: np.ndarray | None = None  # place, velocity, then two numbers a camera
        self._P = np.eye(6)
        self._t_s = 0.0
        self._lasting = np.concatenate([eye.lasting for eye in eyes]) ** 2
        self._last: dict[int, tuple[float, np.ndarray]] = {}
        self._outside = 0

    def at(self, t_s: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Position and covariance now; None where there is none, or it is too wide to show."""
        if self._x is None:
            return None
        x, P = self._ahead(t_s)
        if np.trace(P[:3, :3]) >= SHOWN_SIGMA_M**2:
            return None
        return x[:3], P[:3, :3] + EXTENT_M**2 * np.eye(3)

    def _ahead(self, t_s: float) -> tuple[np.ndarray, np.ndarray]:
        dt, one, n = t_s - self._t_s, np.eye(3), len(self._lasting)
        F, Q = np.eye(6 + n), np.zeros((6 + n, 6 + n))
        keep = np.exp(-dt / LASTING_S)
        F[:3, 3:6], F[6:, 6:] = dt * one, keep * np.eye(n)
        Q[:6, :6] = ACCELERATION * np.block([[dt**3 / 3 * one, dt**2 / 2 * one], [dt**2 / 2 * one, dt * one]])
        Q[6:, 6:] = np.diag(self._lasting * (1.0 - keep * keep))
        return F @ self._x, F @ self._P @ F.T + Q

    def take(self, t_s: float, number: int, ray: np.ndarray) -> None:
        """The ray float64[2] of camera ``number``."""
        self._last[number] = t_s, ray
        if self._x is None or self._outside >= LOST_AFTER or self.at(t_s) is None:
            self._start(t_s)
            return
        self._x, self._P = self._ahead(t_s)
        self._t_s = t_s
        eye, own = self._eyes[number], slice(6 + 2 * number, 8 + 2 * number)
        local = eye.local(self._x[:3])
        if local[2] < 0.5:
            return
        predicted = local[:2] / local[2]
        H = np.zeros((2, len(self._x)))
        H[:, :3] = (eye.pose.turn[:2] - predicted[:, None] * eye.pose.turn[2]) / local[2]
        H[:, own] = np.eye(2)
        miss = ray - predicted - self._x[own]
        R = np.diag((LABEL_PX / eye.camera.focal_px) ** 2)
        spread = H @ self._P @ H.T + R
        off = float(np.sqrt(miss @ np.linalg.solve(spread, miss) / 2.0))
        self._outside = self._outside + 1 if off > GATE else 0
        if off > GATE:
            return
        R = R + spread * (max(1.0, off / SOFT_SIGMA) ** 2 - 1.0)
        K = np.linalg.solve(H @ self._P @ H.T + R, H @ self._P).T
        keep = np.eye(len(self._x)) - K @ H
        self._x = self._x + K @ miss
        self._P = keep @ self._P @ keep.T + K @ R @ K.T

    def _start(self, t_s: float) -> None:
        fresh = [number for number, (seen_s, _) in self._last.items() if t_s - seen_s <= START_S]
        self._x = None
        if len(fresh) >= 2:
            point = linear_point([self._eyes[n] for n in fresh], [self._last[n][1] for n in fresh])
            self._x = np.concatenate((point, np.zeros(3 + len(self._lasting))))
            self._P = np.diag(np.concatenate((START_VAR, self._lasting)))
            self._t_s, self._outside = t_s, 0


def filtered(eyes: list[Eye], t_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions float64[K, 3] at ascending times float64[K], from frames up to each, NaN where there is none; and
    their covariances float64[K, 3, 3]. Starts with the frames of the second before the first time."""
    frames = []
    for j, eye in enumerate(eyes):
        own = eye.pose.times(eye.camera)
        rows = np.flatnonzero((own >= t_s[0] - 1.0) & (own <= t_s[-1]))
        frames += [(float(own[k]), j, int(k)) for k in rows]
    frames.sort()
    tracker, place, covariance = SightFilter(eyes), np.full((len(t_s), 3), np.nan), np.full((len(t_s), 3, 3), np.nan)
    taken = 0
    for k, now in enumerate(t_s.tolist()):
        while taken < len(frames) and frames[taken][0] <= now:
            seen_s, j, row = frames[taken]
            tracker.take(seen_s, j, eyes[j].camera.ray[row])
            taken += 1
        found = tracker.at(now)
        if found is not None:
            place[k], covariance[k] = found
    return place, covariance
