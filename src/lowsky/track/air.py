"""How rough the air is: the noise of straight flight, learnt from those who hold their course.

Wind and autopilot push everybody who flies here and now alike. With too much noise a velocity is said to be less sure
than it is, with too little tracks are sure of a wrong place; and no number is right for calm nights and gusty days. So
a few tracks that one radar surely sees, the *witnesses*, are followed beside the tracker by plain filters, one for
each of a few levels of noise, and what their plots say of each level adds up (docs/decisions/0077).
"""

from typing import Any

import numpy as np

from lowsky.kernels.air import straight_steps
from lowsky.kernels.existence import CONFIRMED
from lowsky.kernels.update import scratch
from lowsky.model.measurement import Floats, Ints
from lowsky.track.core import Core
from lowsky.track.rows import Rows, Station
from lowsky.track.settings import TrackerSettings

WITNESSES = 16
LEVELS = np.array([0.25, 0.5, 1.0, 2.0, 4.0])  # times what the settings say
SEGMENT_NS = 10_000_000_000  # a witness is heard if it has been straight for so long
SETTLE_NS = 10_000_000_000  # a track's own covariance has room for turns; so long the filters take to find theirs
SILENT_NS = 10_000_000_000  # its place is free for another
FAR_OFF_D2 = 30.0  # χ² of 4, 5e-6: no witness any more


class Air:
    """W witnesses, L levels. ``load(dump())`` goes on exactly.

    A witness is one track by the plots of one radar, whose constant errors therefore do not matter. What a segment says
    counts once the track has been straight through all of it: who turns says nothing of the air. Heights are left free,
    for they follow terrain and commands. Evidence fades with ``air_lasts_s``; before it there is a log-normal prior.
    """

    def __init__(self, settings: TrackerSettings) -> None:
        straight = [k for k, m in enumerate(settings.modes) if m.damping_horizontal == 0.0 == m.turn_mps2]
        self.mode = min(straight, key=lambda k: settings.modes[k].q_horizontal) if straight else -1
        mode = settings.modes[self.mode]
        self._q = LEVELS * mode.q_horizontal
        self._q_usual = mode.q_horizontal
        self._free_vertical = max(m.q_vertical for m in settings.modes)
        self._settings = settings
        n = len(LEVELS)
        self.serial = np.zeros(WITNESSES, np.int64)  # 0: free
        self.sensor = np.zeros(WITNESSES, np.int64)
        self.t_ns, self.t_start_ns = np.zeros(WITNESSES, np.int64), np.zeros(WITNESSES, np.int64)
        self.x, self.P = np.zeros((WITNESSES, n, 6)), np.zeros((WITNESSES, n, 6, 6))
        self.waiting = np.zeros((WITNESSES, n))  # what this segment says
        self.said = np.zeros(n)
        self.t_said_ns = 0

    def factor(self) -> float:
        """How much rougher than usual: the posterior mean of the level's logarithm."""
        log_level = np.log(LEVELS)
        log_p = self.said - 0.5 * (log_level / self._settings.air_sigma) ** 2
        p = np.exp(log_p - log_p.max())
        return float(np.exp((p * log_level).sum() / p.sum()))

    def take_look(self, core: Core, station: Station, rows: Rows, edges: tuple[Ints, Ints, Floats]) -> None:
        """After a radar's look: table row, measurement row and weight of its edges. Sets the mode's noise."""
        settings, table = self._settings, core.table
        if self.mode < 0 or settings.air_lasts_s <= 0.0:
            return
        track, row, weight = edges
        sure = (weight >= settings.plot_sure) & (table.status[track] >= CONFIRMED)
        track, row = track[sure], row[sure]
        straight = table.mu[track, self.mode] >= settings.air_straight
        serial = table.serial[track]
        own = self.sensor == station.index
        turned = own & np.isin(self.serial, serial[~straight])
        self.serial[turned | (core.now_ns - self.t_ns > SILENT_NS)] = 0
        track, row, serial = track[straight], row[straight], serial[straight]
        order = np.argsort(serial, kind="stable")
        track, row, serial = track[order], row[order], serial[order]
        held = np.flatnonzero(own & (self.serial > 0))
        at = np.searchsorted(serial, self.serial[held])
        there = at < len(serial)
        there[there] = serial[at[there]] == self.serial[held[there]]
        self._hear(core, rows, held[there], row[at[there]])
        self._fill(core, station, rows, track, row, serial)

    def _hear(self, core: Core, rows: Rows, slot: Ints, row: Ints) -> None:
        if len(slot):
            before_ns = self.t_ns[slot]
            gained, d2 = np.empty((len(slot), len(LEVELS))), np.empty((len(slot), len(LEVELS)))
            straight_steps(
                rows.kind, slot, row, self.x, self.P, self.t_ns, rows.z, rows.var, rows.weak_height, rows.t_ns,
                rows.origin, rows.C, rows.height, rows.frame, self._q, self._free_vertical, gained, d2, scratch(),
            )  # fmt: skip
            self.waiting[slot] += np.where((before_ns >= self.t_start_ns[slot])[:, None], gained, 0.0)
            self.serial[slot[~(d2.min(axis=1) < FAR_OFF_D2)]] = 0
            done = slot[(self.serial[slot] > 0) & (self.t_ns[slot] - self.t_start_ns[slot] >= SEGMENT_NS)]
            told = self.waiting[done].sum(axis=0)
            self.waiting[done], self.t_start_ns[done] = 0.0, self.t_ns[done]
        else:
            told = np.zeros(len(LEVELS))
        faded = np.exp(-max(core.now_ns - self.t_said_ns, 0) * 1e-9 / self._settings.air_lasts_s)
        self.said = faded * self.said + told
        self.said -= self.said.max()
        self.t_said_ns = core.now_ns
        self.tell(core)

    def _fill(self, core: Core, station: Station, rows: Rows, track: Ints, row: Ints, serial: Ints) -> None:
        """Free places go to the tracks of the look that have been there for longest."""
        table, free = core.table, np.flatnonzero(self.serial == 0)
        if not len(free) or not len(track):
            return
        new = (table.hits[track] >= self._settings.plot_hits) & ~np.isin(
            serial, self.serial[self.sensor == station.index]
        )
        track, row, serial = track[new][: len(free)], row[new][: len(free)], serial[new][: len(free)]
        slot = free[: len(track)]
        self.serial[slot], self.sensor[slot] = serial, station.index
        self.t_ns[slot] = table.t_ns[track]
        self.t_start_ns[slot] = self.t_ns[slot] + SETTLE_NS
        self.x[slot], self.P[slot] = table.xm[track][:, None], table.Pm[track][:, None]
        self.waiting[slot] = 0.0

    def tell(self, core: Core) -> None:
        """The mode's horizontal noise as it is known now."""
        core.motion[self.mode, 1] = self.factor() * self._q_usual

    def dump(self) -> list[Any]:
        arrays = self.serial, self.sensor, self.t_ns, self.t_start_ns, self.x, self.P, self.waiting, self.said
        return [self.t_said_ns, *(a.tobytes() for a in arrays)]

    def load(self, saved: list[Any], core: Core) -> None:
        self.t_said_ns = saved[0]
        names = "serial", "sensor", "t_ns", "t_start_ns", "x", "P", "waiting", "said"
        for name, raw in zip(names, saved[1:], strict=True):
            had = getattr(self, name)
            setattr(self, name, np.frombuffer(raw, had.dtype).reshape(had.shape).copy())
        if self.mode >= 0 and self.t_said_ns:
            self.tell(core)
