"""Two tracks of one object become one."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lowsky.kernels.merge import AGREE, APART, agreeing_pairs, near_pairs, reach
from lowsky.model.events import TracksMerged
from lowsky.track.core import Core
from lowsky.track.crowds import count_crowds
from lowsky.track.rays import replaced
from lowsky.track.reports import Identities


@dataclass(slots=True)
class Duplicates:
    """Pairs of serials that agreed in the last checks, and how often in a row."""

    agreed: dict[tuple[int, int], int] = field(default_factory=dict)
    t_next_ns: int = 0
    keep_ns: int = 10_000_000_000  # a pair not close for so long is forgotten

    def check(self, core: Core, known: Identities) -> list[int]:
        """Once a second: rows of tracks that were merged into another, to be removed. Emits ``TracksMerged``.

        Crowds are counted at the same time.
        """
        settings, table = core.settings, core.table
        if core.now_ns < self.t_next_ns:
            return []
        self.t_next_ns = core.now_ns + int(settings.merge_every_s * 1e9)
        count_crowds(core)
        shown = np.flatnonzero((table.track_id[: table.n] > 0) & ~table.apart[: table.n])
        if len(shown) < 2:
            self.agreed.clear()
            return []
        shown = shown[np.argsort(table.track_id[shown])]
        agree = self._agreeing(core, shown)
        counted: dict[tuple[int, int], int] = {}
        gone: list[int] = []
        doubt = -math.log(settings.merge_doubt)
        for a, b in agree:
            key = (int(table.serial[a]), int(table.serial[b]))
            close = core.together.of.get((min(key), max(key)))
            counted[key] = self.agreed.get(key, 0) + 1
            ripe = counted[key] >= core.merge_after if close is None else close[0] >= doubt
            if ripe and a not in gone and b not in gone:
                gone.append(_merge(core, known, a, b))
        gone += [_merge(core, known, a, b, "one fell silent where the other is heard") for a, b in replaced(core, gone)]
        self.agreed = counted
        core.together.forget(core.now_ns - self.keep_ns)
        return gone

    def _agreeing(self, core: Core, shown: np.ndarray) -> list[tuple[int, int]]:
        """Pairs of rows, by track number, that agree in position and velocity and never shared a look."""
        settings, table = core.settings, core.table
        floor = np.array([*settings.merge_floor, settings.merge_latency_s, settings.merge_distance_m])
        half = np.empty(len(shown))
        reach(shown, table.xm, table.Pm, table.t_report_ns, settings.merge_gate, floor, half)
        first, second = near_pairs(shown, core.now_ns, table.t_ns, table.xm, half, settings.edges_per_track)
        if not len(first):
            return []
        verdict = np.empty(len(first), np.uint8)
        agreeing_pairs(
            first, second, core.now_ns, table.t_ns, table.xm, table.Pm, table.has_identity, table.look_hit,
            table.t_report_ns, floor, settings.merge_gate, verdict,
        )  # fmt: skip
        agree = verdict == AGREE
        if core.together.of:
            # a plot that both had a part in does not tell them apart
            seen_apart = np.flatnonzero(verdict == APART)
            serials = np.sort(table.serial[np.stack((first[seen_apart], second[seen_apart]), axis=1)], axis=1).tolist()
            of = core.together.of
            agree[seen_apart] = np.fromiter(((a, b) in of for a, b in serials), np.bool_, len(serials))
        return list(zip(first[agree].tolist(), second[agree].tolist(), strict=True))

    def dump(self) -> list[Any]:
        return [self.t_next_ns, [[a, b, n] for (a, b), n in self.agreed.items()]]

    def load(self, saved: list[Any]) -> None:
        self.t_next_ns = saved[0]
        self.agreed = {(a, b): n for a, b, n in saved[1]}


def _merge(
    core: Core,
    known: Identities,
    a: int,
    b: int,
    cause: str = "same place and velocity for several updates, never seen apart",
) -> int:
    """Merge rows a and b; the one with an identity stays, else the older number. Returns the row that goes."""
    table = core.table
    stays, goes = (b, a) if table.has_identity[b] and not table.has_identity[a] else (a, b)
    newer = table.t_update_ns[goes] >= table.t_update_ns[stays]
    tighter = np.trace(table.Pm[goes, :3, :3]) < np.trace(table.Pm[stays, :3, :3])
    if newer and tighter:
        for name in ("t_ns", "x", "P", "mu", "share", "xm", "Pm"):
            column = getattr(table, name)
            column[stays] = column[goes]
    for name in ("r", "hits", "t_update_ns", "t_hit_ns", "t_chance_ns", "look_hit", "t_r_ns"):
        column = getattr(table, name)
        column[stays] = np.maximum(column[stays], column[goes])
    table.blurred[stays] = min(table.blurred[stays], table.blurred[goes])
    table.status[stays] = max(int(table.status[stays]), int(table.status[goes]))
    lacking = np.isnan(table.attributes[stays])
    table.attributes[stays, lacking] = table.attributes[goes, lacking]
    core.whose.merged(int(table.serial[stays]), int(table.serial[goes]))
    core.emit(
        TracksMerged,
        cause,
        track_id=int(table.track_id[stays]),
        merged_track_id=int(table.track_id[goes]),
    )
    return goes
