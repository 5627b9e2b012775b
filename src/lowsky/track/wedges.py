"""Objects known by bearing alone: one wedge per emitter and sensor, until something tells their range.

A first filling: each wedge is azimuth and azimuth rate of one sensor. Range-parametrised births follow.
"""

import math
from dataclasses import astuple, dataclass, field
from typing import Any

from lowsky.model.events import TrackCoasting, TrackConfirmed, TrackDropped, TrackStarted
from lowsky.model.measurement import Floats
from lowsky.model.track import TrackStatus
from lowsky.track.core import Core
from lowsky.track.rows import Rows, Station
from lowsky.track.settings import TrackerSettings

MOST_ODDS = 1e6


@dataclass(slots=True)
class Wedge:
    """Azimuth (rad), its rate (rad/s) and their covariance, seen from one sensor."""

    sensor: int
    t_ns: int
    azimuth: float
    rate: float
    p_aa: float
    p_ar: float
    p_rr: float
    odds: float  # that it is an emitter
    hits: int = 1
    explained: int = 0  # times in a row that a point track took its bearing
    track_id: int = 0
    status: int = int(TrackStatus.TENTATIVE)

    def ahead(self, t_ns: int, q: float) -> tuple[float, float, float, float]:
        """Azimuth and covariance at ``t_ns``, constant rate with white angular acceleration q (rad²/s³)."""
        dt = max((t_ns - self.t_ns) * 1e-9, 0.0)
        return (
            self.azimuth + dt * self.rate,
            self.p_aa + 2.0 * dt * self.p_ar + dt * dt * self.p_rr + q * dt**3 / 3.0,
            self.p_ar + dt * self.p_rr + 0.5 * q * dt * dt,
            self.p_rr + q * dt,
        )

    def distance2(self, azimuth: float, var: float, t_ns: int, q: float) -> float:
        mean, p_aa, _, _ = self.ahead(t_ns, q)
        return wrap_pi(azimuth - mean) ** 2 / (p_aa + var)

    def update(self, azimuth: float, var: float, t_ns: int, q: float, clutter: float) -> None:
        """Take a bearing; ``clutter`` is (1 / P_D) · its density of false bearings, 1/rad."""
        mean, p_aa, p_ar, p_rr = self.ahead(t_ns, q)
        nu, s = wrap_pi(azimuth - mean), p_aa + var
        density = math.exp(-0.5 * nu * nu / s) / math.sqrt(2.0 * math.pi * s)
        self.odds = min(self.odds * density / clutter, MOST_ODDS)
        self.azimuth = (mean + p_aa / s * nu) % (2.0 * math.pi)
        self.rate += p_ar / s * nu
        self.p_aa, self.p_ar, self.p_rr = p_aa - p_aa * p_aa / s, p_ar - p_aa * p_ar / s, p_rr - p_ar * p_ar / s
        self.t_ns = max(self.t_ns, t_ns)
        self.hits += 1
        self.explained = 0


def wrap_pi(angle: float) -> float:
    """The same angle in [−π, π)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


@dataclass(slots=True)
class Wedges:
    """All wedges, oldest first; ``dropped`` are those that ended in the last step."""

    live: list[Wedge] = field(default_factory=list)
    dropped: list[Wedge] = field(default_factory=list)

    def take(self, core: Core, station: Station, rows: Rows, p_new: Floats) -> None:
        """Bearings of one batch: those nobody explains feed wedges or start them, the others weaken theirs."""
        settings, q = core.settings, core.settings.wedge_rate_q
        clutter = station.clutter / float(station.extent[0]) / station.p_detect
        mine = [w for w in self.live if w.sensor == station.index]
        fed: set[int] = set()
        for j in range(len(rows)):
            azimuth, var, t_ns = float(rows.z[j, 0]), float(rows.var[j, 0]), int(rows.t_ns[j])
            at = _nearest(mine, fed, azimuth, var, t_ns, settings)
            if at >= 0:
                fed.add(at)
                if p_new[j] >= 0.5:
                    mine[at].update(azimuth, var, t_ns, q, clutter)
                    self._show(core, mine[at], station)
                else:
                    mine[at].explained += 1
            elif p_new[j] >= 0.5 and len(self.live) < settings.wedges_most:
                rate_var, odds = settings.wedge_rate_sigma**2, settings.wedge_birth_odds
                self.live.append(Wedge(station.index, t_ns, azimuth % (2 * math.pi), 0.0, var, 0.0, rate_var, odds))
        for k, wedge in enumerate(mine):
            if k not in fed:
                wedge.odds *= 1.0 - station.p_detect

    def _show(self, core: Core, wedge: Wedge, station: Station) -> None:
        settings = core.settings
        if wedge.track_id == 0:
            if wedge.hits < settings.wedge_hits or wedge.odds < settings.wedge_show_odds:
                return
            wedge.track_id = core.next_track_id
            core.next_track_id += 1
            core.emit(TrackStarted, "bearings agree, range unknown", track_id=wedge.track_id, sensor=station.sensor.id)
        if wedge.status != TrackStatus.CONFIRMED:
            wedge.status = int(TrackStatus.CONFIRMED)
            core.emit(TrackConfirmed, "bearings agree", track_id=wedge.track_id, existence=existence(wedge))

    def judge(self, core: Core) -> None:
        """Coast and drop by silence; drop what a point track explains."""
        settings = core.settings
        self.dropped = []
        left = []
        for wedge in self.live:
            silence = (core.now_ns - wedge.t_ns) * 1e-9
            is_explained = wedge.explained >= settings.wedge_hits
            patience = settings.wedge_silence_s
            is_likely = wedge.track_id > 0 or wedge.odds >= settings.wedge_end_odds
            if silence <= patience and not is_explained and is_likely:
                left.append(wedge)
                if wedge.track_id and wedge.status == TrackStatus.CONFIRMED and silence > 0.5 * patience:
                    wedge.status = int(TrackStatus.COASTING)
                    core.emit(TrackCoasting, "no bearing came", track_id=wedge.track_id)
            elif wedge.track_id:
                wedge.status = int(TrackStatus.DROPPED)
                self.dropped.append(wedge)
                cause = "a track with a position explains it" if is_explained else "no bearing for too long"
                core.emit(TrackDropped, cause, track_id=wedge.track_id, existence=existence(wedge))
        self.live = left

    def dump(self) -> list[Any]:
        return [[list(astuple(w)) for w in self.live], [list(astuple(w)) for w in self.dropped]]

    def load(self, saved: list[Any]) -> None:
        self.live = [Wedge(*w) for w in saved[0]]
        self.dropped = [Wedge(*w) for w in saved[1]]


def _nearest(
    wedges: list[Wedge], fed: set[int], azimuth: float, var: float, t_ns: int, settings: TrackerSettings
) -> int:
    """Number of the nearest wedge in whose gate a bearing lies and that was not fed yet, or −1."""
    best, at = settings.wedge_gate**2, -1
    for k, wedge in enumerate(wedges):
        if k not in fed:
            d2 = wedge.distance2(azimuth, var, t_ns, settings.wedge_rate_q)
            if d2 < best:
                best, at = d2, k
    return at


def existence(wedge: Wedge) -> float:
    """Probability that it is an emitter and not clutter."""
    return wedge.odds / (1.0 + wedge.odds)
