"""What objects look and sound like where their scenario does not say. All assumed: docs/scenarios.md.

After the document's table of classes (science.md 4.1): broad figures, no product's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowsky.model.measurement import Floats, Ints
from lowsky.simulate.scenario import Target
from lowsky.simulate.start import Generator, draw

CLASS_RCS_DBSM: dict[str, tuple[float, float]] = {
    "multirotor": (-14.0, 3.0),
    "fixed-wing-drone": (-12.0, 3.0),
    "drone": (-13.0, 3.0),
    "bird": (-25.0, 4.0),
    "flock": (-12.0, 4.0),
    "balloon": (-20.0, 4.0),
    "paraglider": (0.0, 3.0),
    "aeroplane": (6.0, 3.0),
    "helicopter": (9.0, 3.0),
    "vehicle": (12.0, 4.0),
    "wind-turbine": (30.0, 5.0),
}
"""Mean radar cross-section, dBsm, and its spread from one object to the next."""
OTHER_RCS_DBSM = (-15.0, 6.0)
SWERLING_3 = ("multirotor", "drone", "balloon")  # the rest: Swerling 1 (science.md 5.1: birds and racers 1)
RADIO_W = {"multirotor": 0.1, "drone": 0.1}
SIZE_M = {
    "multirotor": 0.4, "fixed-wing-drone": 2.0, "drone": 0.6, "bird": 0.5, "flock": 3.0, "balloon": 0.5,
    "paraglider": 6.0, "aeroplane": 9.0, "helicopter": 9.0, "vehicle": 4.0, "wind-turbine": 40.0,
}  # fmt: skip
OTHER_SIZE_M = 0.5


@dataclass(frozen=True, slots=True)
class Signs:
    """Of N targets, what sensors other than by their position go by."""

    swerling: Ints  # int64[N] 1 or 3
    sound_db: Floats  # float64[N] dB(A) at 1 m, NaN: silent
    tone_hz: Floats
    radio_w: Floats  # 0: none
    radio_share: Floats
    size_m: Floats
    contrast: Floats
    phantom: NDArray[np.bool_]  # bool[N] there is nothing but reports of it
    lies_from_s: Floats  # what is false in its reports from then on: …
    lie_east_m: Floats
    lie_north_m: Floats
    lie_up_m: Floats
    drift_east_mps: Floats
    drift_north_mps: Floats
    replay_s: Floats  # NaN: it repeats nothing


def rcs_of(rng: Generator, target: Target) -> Floats:
    """float64[count] dBsm."""
    if target.rcs_dbsm is not None:
        return draw(rng, target.rcs_dbsm, target.count)
    mean, spread = CLASS_RCS_DBSM.get(target.object_class, OTHER_RCS_DBSM)
    return mean + spread * rng.standard_normal(target.count)


def signs_of(rng: Generator, target: Target) -> Signs:
    """Of one group."""
    n, label = target.count, target.object_class
    radio_w = RADIO_W.get(label, 0.0) if target.radio_w is None else target.radio_w
    size_m = SIZE_M.get(label, OTHER_SIZE_M) if target.size_m is None else target.size_m
    swerling = target.swerling or (3 if label in SWERLING_3 else 1)
    return Signs(
        swerling=np.full(n, swerling, np.int64),
        sound_db=np.full(n, np.nan) if target.sound_db is None else draw(rng, target.sound_db, n),
        tone_hz=draw(rng, target.tone_hz, n),
        radio_w=draw(rng, radio_w, n),
        radio_share=np.full(n, target.radio_share),
        size_m=draw(rng, size_m, n),
        contrast=np.full(n, target.contrast),
        phantom=np.full(n, target.phantom, np.bool_),
        **_lies_of(rng, target),
    )


def _lies_of(rng: Generator, target: Target) -> dict[str, Floats]:
    """Of one group: level lies go one way each, as they are and as they grow."""
    n, lies = target.count, target.lies
    way = 2.0 * np.pi * rng.random(n)
    east, north = np.sin(way), np.cos(way)
    offset_m, drift_mps = draw(rng, lies.offset_m, n), draw(rng, lies.drift_mps, n)
    return {
        "lies_from_s": draw(rng, lies.from_s, n), "lie_east_m": offset_m * east, "lie_north_m": offset_m * north,
        "lie_up_m": draw(rng, lies.height_m, n), "drift_east_mps": drift_mps * east,
        "drift_north_mps": drift_mps * north,
        "replay_s": np.full(n, np.nan if lies.replay_s is None else lies.replay_s),
    }  # fmt: skip


def all_signs(parts: list[Signs]) -> Signs:
    """Of all groups, one after the other."""
    names = Signs.__dataclass_fields__
    kinds = {"swerling": np.int64, "phantom": np.bool_}
    none = {name: np.empty(0, kinds.get(name, np.float64)) for name in names}
    return Signs(**{name: np.concatenate([none[name], *(getattr(part, name) for part in parts)]) for name in names})
