"""A recorded drone flight seen by several cameras: how near does bearing fusion come to the drone?

`python -m benchmarks.recorded.cameras FOLDER --json OUT`: the folder of one set (files: `camera_files.py`). Pose, clock
offset and clock rate of each camera are fitted to the truth's first half and frozen; the second half is scored at the
truth's own epochs, without alignment or scale.

lowsky        its own tracker from a site file (`by_lowsky.py`): causal, ten frames a second of each camera
filter        constant velocity and each camera's lasting error, one update a frame: causal
alone         each epoch by itself, weighted and robust, from image points straight between the frames around it
two cameras   epochs that at least two cameras see: frames around it at most 0.2 s apart
everywhere    all epochs at which a position is shown
inside 95     share of them whose 95 % ellipsoid holds the truth

The calibrations of the lenses are taken as they are; nothing else is fitted. How large a camera's lasting errors are is
found where its pose is fitted. Constants are physical, but were not found blind: on the second half of ETH set 3
SHOWN_SIGMA_M, GATE and ACCELERATION were swept once, EXTENT_M (0 to 0.2 m) and LASTING_S (3 and 10 s) compared, and
for lowsky three ways to say that errors last.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.recorded.by_lowsky import tracked
from benchmarks.recorded.camera_files import RTK_PERIOD_S, backwards, read_recording
from benchmarks.recorded.flight_files import NotThere
from benchmarks.recorded.one import score_one
from benchmarks.recorded.resection import fit
from benchmarks.recorded.sighting import Eye, filtered, rays_at, triangulate

CHI2_95 = 7.815  # of three degrees of freedom


def errors(found: np.ndarray, truth: np.ndarray) -> dict[str, float | int]:
    """Distances of positions float64[K, 3] from the truth, those that are not NaN."""
    off = np.linalg.norm(found - truth, axis=1)
    off = off[np.isfinite(off)]
    if not len(off):
        return {"solved": 0}
    return {
        "solved": len(off),
        "median_m": float(np.median(off)),
        "mean_m": float(off.mean()),
        "rms_m": float(np.sqrt((off**2).mean())),
        "p95_m": float(np.percentile(off, 95)),
    }


def judged(
    name: str, found: tuple[np.ndarray, np.ndarray], truth: np.ndarray, two: np.ndarray
) -> dict[str, float | int | None]:
    """Figures of positions float64[K, 3] and their covariances; ``two`` bool[K]: two cameras see the epoch."""
    place, covariance = found
    shown = np.isfinite(place[:, 0])
    off = place[shown] - truth[shown]
    inside = np.einsum("ni,ni->n", off, np.linalg.solve(covariance[shown], off[:, :, None])[:, :, 0]) <= CHI2_95
    return {
        **{f"{name}_{key}": value for key, value in errors(place[two], truth[two]).items()},
        f"{name}_inside_95": float(inside[two[shown]].mean()) if two[shown].any() else None,
        **{f"{name}_everywhere_{key}": value for key, value in errors(place, truth).items()},
        f"{name}_everywhere_inside_95": float(inside.mean()) if len(inside) else None,
    }


def measure(folder: Path, only: tuple[str, ...] = (), is_backwards: bool = False) -> dict[str, object]:
    """Every figure of the set in ``folder``, or of those of its cameras that are named; backwards: fitted to the second
    half and scored on the first, as a film run backwards. Raises ``NotThere``."""
    recording = read_recording(folder, only)
    if is_backwards:
        recording = backwards(recording)
    half_s = (len(recording.truth) - 1) * RTK_PERIOD_S / 2.0
    epochs = np.flatnonzero(np.arange(len(recording.truth)) * RTK_PERIOD_S > half_s + 1e-9)
    t_s, truth = epochs * RTK_PERIOD_S, recording.truth[epochs]
    eyes, left_out = [], []
    for camera in recording.cameras:
        try:
            eyes.append(Eye(camera, fit(camera, recording.truth, half_s)))
        except ValueError as reason:
            left_out.append(str(reason))
    if len(eyes) < 2:
        raise NotThere(f"{folder}: {len(eyes)} cameras whose pose can be fitted ({'; '.join(left_out)})")
    rays = rays_at(eyes, t_s)
    seen_by = np.isfinite(rays[:, :, 0]).sum(axis=1)
    two = seen_by >= 2
    alone = np.array([triangulate(eyes, row) for row in rays])
    return {
        "set": folder.name,
        "recorded": True,
        "backwards": is_backwards,
        "epochs": len(epochs),
        "epochs_two_cameras": int(two.sum()),
        "epochs_one_camera": int((seen_by == 1).sum()),
        "epochs_no_camera": int((seen_by == 0).sum()),
        "mean_cameras": float(seen_by[two].mean()) if two.any() else None,
        **judged("lowsky", tracked(eyes, t_s), truth, two),
        **judged("filter", filtered(eyes, t_s), truth, two),
        **{f"alone_{key}": value for key, value in errors(alone, truth).items()},
        "cameras": {
            eye.camera.name: {
                "offset_s": float(eye.pose.offset_s), "rate": float(eye.pose.rate), "sigma_px": eye.pose.sigma_px,
                "lasting_px": eye.pose.lasting_px.tolist(),
                "frames_fitted": eye.pose.n,
            }
            for eye in eyes
        },
        "left_out": left_out,
    }  # fmt: skip


def main() -> int:
    return score_one(measure, __doc__, options)


def options(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], dict[str, object]]:
    """``--cameras cam0 cam3`` and ``--backwards``, and how they are handed to ``measure``."""
    parser.add_argument("--cameras", nargs="+", default=(), metavar="camN", help="only these")
    parser.add_argument("--backwards", action="store_true", help="fit the second half, score the first")
    return lambda chosen: {"only": tuple(chosen.cameras), "is_backwards": chosen.backwards}


if __name__ == "__main__":
    sys.exit(main())
