"""A recorded drone flight seen by several cameras: how near does bearing fusion come to the drone?

`python -m benchmarks.recorded.cameras FOLDER --json OUT`: the folder of one set (files: `camera_files.py`). Pose, clock
offset and clock rate of each camera are fitted to the truth's first half and frozen; the second half is scored at the
truth's own epochs, without alignment or scale.

filter        constant velocity, one update a frame: causal, nothing of the frames after an epoch is used
alone         each epoch by itself, weighted and robust, from image points straight between the frames around it
two cameras   epochs that at least two cameras see: frames around it at most 0.2 s apart

The calibrations of the lenses are taken as they are; nothing else is fitted. The filter's constants are physical. They
were swept once on the second half of ETH set 3, where eleven settings gave medians of 0.112 to 0.134 m at epochs with
two cameras; those kept are not the best of them.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.recorded.camera_files import RTK_PERIOD_S, read_recording
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


def measure(folder: Path) -> dict[str, object]:
    """Every figure of the set in ``folder``. Raises ``NotThere``."""
    recording = read_recording(folder)
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
    place, covariance = filtered(eyes, t_s)
    shown = np.isfinite(place[:, 0])
    off = place[shown] - truth[shown]
    inside = np.einsum("ni,ni->n", off, np.linalg.solve(covariance[shown], off[:, :, None])[:, :, 0]) <= CHI2_95
    return {
        "set": folder.name,
        "recorded": True,
        "epochs": len(epochs),
        "epochs_two_cameras": int(two.sum()),
        "mean_cameras": float(seen_by[two].mean()) if two.any() else None,
        **{f"filter_{key}": value for key, value in errors(place[two], truth[two]).items()},
        **{f"filter_everywhere_{key}": value for key, value in errors(place, truth).items()},
        "filter_inside_95": float(inside.mean()) if len(inside) else None,
        **{f"alone_{key}": value for key, value in errors(alone, truth).items()},
        "cameras": {
            eye.camera.name: {
                "offset_s": float(eye.pose.offset_s), "rate": float(eye.pose.rate), "sigma_px": eye.pose.sigma_px,
                "frames_fitted": eye.pose.n,
            }
            for eye in eyes
        },
        "left_out": left_out,
    }  # fmt: skip


def main() -> int:
    return score_one(measure, __doc__)


if __name__ == "__main__":
    sys.exit(main())
