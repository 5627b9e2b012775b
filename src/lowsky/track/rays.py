"""Objects known by bearings alone, until these cross: one Bernoulli each, a mixture of Gaussians along its ray.

A bearing that nobody explains starts a ray from its sensor outward. Every further bearing, of whichever sensor, weighs
its Gaussians and narrows them, so that cross-fixes are no more than Bayes' rule; and rays and tracks compete for
bearings in one association, so that a crossing where nobody is loses its bearings to those who are there. A ray that
has become a place is a track of the table like any other. Rays themselves are never shown: wedges are.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lowsky.kernels.rays import predict_rays, ray_places, shells, stays_on, update_ray, weigh_rays
from lowsky.model.measurement import Floats, Ints
from lowsky.model.track import TrackStatus
from lowsky.track.core import Core
from lowsky.track.rows import Rows, Station, TrackReject

R_MAX = 1.0 - 1e-4
LEAST_HIT = 1e-3  # share of its existence below which a bearing moves no ray


@dataclass(slots=True)
class Columns:
    """Every ray, as columns of fixed length; rows [0, n) of ``Rays`` are alive, oldest first. K Gaussians each."""

    t_ns: Ints  # int64[M] UTC of x, P
    x: Floats  # float64[M, K, 6]
    P: Floats  # float64[M, K, 6, 6]
    w: Floats  # float64[M, K] weights, sum 1
    parts: Ints  # int64[M] Gaussians in use
    r: Floats  # float64[M] existence
    on: Floats  # float64[M] probability that it emits, if it exists
    t_hit_ns: Ints  # int64[M] newest bearing that was more its own than not
    hits: Ints  # int64[M]
    heard: Ints  # int64[M] bit k: sensor k gave it a bearing

    @classmethod
    def of(cls, most: int, parts: int) -> "Columns":
        def zeros(*shape: int) -> Floats:
            return np.zeros((most, *shape))

        def whole() -> Ints:
            return np.zeros(most, np.int64)

        return cls(
            whole(), zeros(parts, 6), zeros(parts, 6, 6), zeros(parts), whole(), zeros(), zeros(), whole(), whole(),
            whole(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Weighed:
    """What one look would say of the rays, before it is known whose bearings are whose. E edges."""

    ray: Ints  # int64[E]
    row: Ints  # int64[E]
    psi: Floats  # float64[E]
    p_comp: Floats  # float64[M, K] chance to be heard, if it emits
    like: Floats  # float64[M, K, N] w_k p_k L_kj
    seen: Floats  # float64[M] chance of the ray to be heard
    is_look: bool


class Rays:
    """All rays; deterministic, bounded by ``TrackerSettings.rays_most``."""

    def __init__(self, most: int, parts: int) -> None:
        self.n = 0
        self.is_changed = False  # within a step: bearings came
        self.columns = Columns.of(most, parts)

    def weigh(self, core: Core, station: Station, rows: Rows, t_look_ns: int, is_look: bool) -> Weighed:
        """Move every ray to the look and weigh its pairs with the rows."""
        c, n, settings = self.columns, self.n, core.settings
        self.is_changed = True
        t_ns = max(t_look_ns, int(rows.t_ns.max())) if len(rows) else t_look_ns
        predict_rays(
            n, t_ns, c.t_ns, c.x, c.P, c.parts, c.r, c.on, np.array(settings.ray_q), 1.0 / settings.survival_s,
            emission_rates(core),
        )  # fmt: skip
        p_comp = np.zeros((n, c.w.shape[1]))
        log_l = np.full((n, c.w.shape[1], len(rows)), -np.inf)
        origin, C = station.tells[0], station.C[0]
        for var, mine in self._variances(station, rows):
            some = np.full_like(log_l, -np.inf)
            weigh_rays(
                n, c.t_ns, c.x, c.P, c.w, c.parts, rows.z, var, rows.t_ns, origin, C, station.p_detect,
                station.limits, p_comp, some,
            )  # fmt: skip
            log_l[mine] = some[mine]
        like = (c.w[:n] * p_comp)[:, :, None] * np.exp(np.minimum(log_l, 600.0))
        seen = c.on[:n] * (c.w[:n] * p_comp).sum(axis=1)
        missed = 1.0 - seen if is_look else np.ones(n)
        there = 1.0 - c.r[:n] + c.r[:n] * missed
        psi = (c.r[:n] * c.on[:n] / there)[:, None] * like.sum(axis=1)
        ray, row = np.nonzero(psi > settings.ray_least_psi)
        return Weighed(ray, row, psi[ray, row], p_comp, like, seen, is_look)

    def take(self, station: Station, rows: Rows, weighed: Weighed, p_edge: Floats, p_miss: Floats) -> None:
        """Existence, whether they emit, and their Gaussians after association. p_edge float64[E], p_miss float64[n]."""
        c, n = self.columns, self.n
        p = np.zeros((n, len(rows)))
        p[weighed.ray, weighed.row] = p_edge
        hit = p.sum(axis=1)
        missed = 1.0 - weighed.seen if weighed.is_look else np.ones(n)
        there = c.r[:n] * missed
        away = p_miss * there / np.maximum(1.0 - c.r[:n] + there, 1e-300)
        silent = c.w[:n] * (1.0 - c.on[:n, None] * weighed.p_comp if weighed.is_look else 1.0)
        still_on = c.on[:n].copy()
        if weighed.is_look:
            heard = np.minimum(weighed.seen / np.maximum(c.on[:n], 1e-12), 1.0)
            still_on = c.on[:n] * (1.0 - heard) / np.maximum(missed, 1e-12)
        c.r[:n] = np.clip(away + hit, 0.0, R_MAX)
        c.on[:n] = np.clip((away * still_on + hit) / np.maximum(away + hit, 1e-300), 0.0, 1.0)
        origin, C = station.tells[0], station.C[0]
        is_fed = hit > LEAST_HIT * c.r[:n]
        kinds = self._variances(station, rows)
        for i in np.flatnonzero(is_fed).tolist():
            var = next(var for var, mine in kinds if mine[i])
            p_parts = away[i] * silent[i] / max(silent[i].sum(), 1e-300)
            total = weighed.like[i].sum(axis=0)
            p_rows = weighed.like[i] * (p[i] / np.where(total > 0.0, total, 1.0))
            c.parts[i] = update_ray(
                c.x[i], c.P[i], c.w[i], c.parts[i], p_parts, p_rows, rows.z, var, rows.t_ns, c.t_ns[i], origin, C
            )
            if hit[i] >= 0.5 * c.r[i]:
                c.t_hit_ns[i] = c.t_ns[i]
                c.hits[i] += 1
                c.heard[i] |= 1 << station.index
        unfed = np.flatnonzero(~is_fed)
        c.w[unfed] = silent[unfed] / np.maximum(silent[unfed].sum(axis=1, keepdims=True), 1e-300)

    def _variances(self, station: Station, rows: Rows) -> list[tuple[Floats, NDArray[np.bool_]]]:
        """Variances of the rows, and bool[n] of the rays they are for: those that heard the sensor before share its
        lasting error."""
        if rows.var_fresh is None:
            return [(rows.var, np.ones(self.n, np.bool_))]
        known = (self.columns.heard[: self.n] >> station.index & 1).astype(np.bool_)
        return [(rows.var, known), (rows.var_fresh, ~known)]

    def start(self, core: Core, station: Station, rows: Rows, p_new: Floats) -> None:
        """A ray of each row that is worth it: nobody's (``p_new`` float64[N]), and an emitter rather than clutter.
        Where there is no room, in place of the weakest. Rows that tell a range are candidates of the table instead."""
        settings, c = core.settings, self.columns
        r_new = np.where(np.isfinite(rows.z[:, 2]), 0.0, p_new * emitter_share(core, station))
        low, high = station.limits[0], min(station.limits[1], settings.ray_reach_m[1])
        reach = np.array([min(max(low, settings.ray_reach_m[0]), 0.5 * high), high])
        velocity = np.array([station.speed_sigma**2, settings.climb_sigma_mps**2])
        for j in np.flatnonzero(r_new > settings.ray_recycle).tolist():
            if self.n == len(c.r):
                core.reject(station, TrackReject.THINNED)
                if c.r[: self.n].min() >= r_new[j]:
                    continue
                self._keep(np.arange(self.n) != int(np.argmin(c.r[: self.n])))
            i, self.n = self.n, self.n + 1
            c.parts[i] = shells(
                rows.z[j], rows.var[j], station.origin[0], station.C[0], reach, settings.ray_ratio,
                settings.ray_width, np.array(settings.height_prior_m), velocity, c.x[i], c.P[i], c.w[i],
            )  # fmt: skip
            c.w[i, c.parts[i] :] = 0.0
            c.t_ns[i] = c.t_hit_ns[i] = rows.t_ns[j]
            c.r[i], c.on[i], c.hits[i], c.heard[i] = r_new[j], 1.0, 1, 1 << station.index

    def judge(self, core: Core) -> None:
        """End what is weak or silent, join what is one object, and make tracks of what has become a place."""
        if not self.n:
            return
        c, settings = self.columns, core.settings
        silence_s = (core.now_ns - c.t_hit_ns[: self.n]) * 1e-9
        self._keep((c.r[: self.n] >= settings.ray_recycle) & (silence_s <= settings.ray_silence_s))
        if not self.is_changed:
            return
        self.is_changed = False
        mean, cov, is_place = self._places(core)
        gone = self._join(core, mean, cov, is_place)
        for i in np.flatnonzero(is_place & (c.r[: self.n] >= settings.ray_track_r)).tolist():
            if i not in gone:
                self._become_track(core, i, mean[i], cov[i])
                gone.add(i)
        if gone:
            self._keep(np.array([i not in gone for i in range(self.n)]))

    def _places(self, core: Core) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Mean and covariance of the rays, and which have become one place: two sensors heard it, and it is narrow
        enough. Of other rays there is neither."""
        c, n, settings = self.columns, self.n, core.settings
        mean, cov, is_place = np.zeros((n, 6)), np.zeros((n, 6, 6)), np.empty(n, np.bool_)
        origins = np.array([s.origin[0] for s in core.stations.values()])
        ray_places(
            n, c.parts, c.w, c.x, c.P, c.heard, origins, settings.ray_one_weight, settings.ray_one_share,
            settings.ray_narrow_share, mean, cov, is_place,
        )  # fmt: skip
        return mean, cov, is_place

    def _join(self, core: Core, mean: Floats, cov: Floats, is_place: NDArray[np.bool_]) -> set[int]:
        """Rays that are another's object, or a track's: their existence goes to the older ray."""
        c, table, gate = self.columns, core.table, core.settings.ray_join_gate
        gone: set[int] = set()
        likely = np.flatnonzero(table.r[: table.n] >= core.settings.r_coast)
        if any(station.sensor.sigma_range_share is not None for station in core.stations.values()):
            gone = self._join_told(core, is_place)
        gone |= self._join_unlooked(core, is_place)
        places = np.flatnonzero(is_place).tolist()
        for at, i in enumerate(places):
            ahead = ((c.t_ns[i] - table.t_ns[likely]) * 1e-9)[:, None]
            away = table.xm[likely, :2] + ahead * table.xm[likely, 3:5] - mean[i, :2]
            if len(likely) and (_distance2(away, table.Pm[likely, :2, :2] + cov[i, :2, :2]) < gate).any():
                gone.add(i)
                continue
            for older in places[:at]:
                if older in gone:
                    continue
                away = (mean[older] - mean[i])[None, :2]
                if _distance2(away, (cov[older] + cov[i])[None, :2, :2])[0] < gate:
                    c.r[older] = min(c.r[older] + c.r[i], R_MAX)
                    c.heard[older] |= c.heard[i]
                    gone.add(i)
                    break
        return gone

    def _join_told(self, core: Core, is_place: NDArray[np.bool_]) -> set[int]:
        """Rays that hold a track which signal strength placed: one emitter, of which more is known by then."""
        c, table = self.columns, core.table
        gone: set[int] = set()
        for i in np.flatnonzero(~is_place).tolist():
            if (row := self._holder(core, i)) >= 0:
                gone.add(i)
                if table.emits[row] > 0.0:
                    table.r[row] = min(1.0 - (1.0 - table.r[row]) * (1.0 - c.r[i]), R_MAX)
        return gone

    def _join_unlooked(self, core: Core, is_place: NDArray[np.bool_]) -> set[int]:
        """Rays of sensors whose silence says nothing, on which a track is, or an older ray of the same sensors.

        Nobody is ever missed by such sensors, so that every further object on one line would only make it likelier
        that something is heard from there, and one emitter would end as dozens. Two that such a sensor cannot tell
        apart are told apart when they part.
        """
        c, settings = self.columns, core.settings
        silent = sum(1 << s.index for s in core.stations.values() if s.sensor.id not in core.has_looks)
        alone: list[int] = []
        gone: set[int] = set()
        for i in np.flatnonzero(~is_place & (c.heard[: self.n] & ~silent == 0)).tolist():
            same = [j for j in alone if c.heard[j] == c.heard[i]]
            olds = np.concatenate([c.x[j, : c.parts[j], :2] for j in same]) if same else np.empty((0, 2))
            wide = np.concatenate([c.P[j, : c.parts[j], :2, :2] for j in same]) if same else np.empty((0, 2, 2))
            place, cov = self._tracks_beside(core, i)
            if self._is_on(i, np.vstack((place, olds)), np.concatenate((cov, wide)), settings.ray_join_gate):
                gone.add(i)
            else:
                alone.append(i)
        return gone

    def _tracks_beside(self, core: Core, i: int) -> tuple[Floats, Floats]:
        """Places and covariances of tracks, at the time of a ray; wider by the lasting error of who heard it."""
        c, table = self.columns, core.table
        tracks = np.flatnonzero(table.r[: table.n] >= core.settings.r_coast)
        ahead_s = ((c.t_ns[i] - table.t_ns[tracks]) * 1e-9)[:, None]
        place = table.xm[tracks, :2] + ahead_s * table.xm[tracks, 3:5]
        cov = table.Pm[tracks, :2, :2].copy()
        for station in core.stations.values():
            if c.heard[i] >> station.index & 1 and station.leaned >= 0:
                askew = ((place - station.origin[0, :2]) ** 2).sum(axis=1) * station.lasting[1]  # by azimuth, m²
                cov += askew[:, None, None] * np.eye(2)
        return place, cov

    def _is_on(self, i: int, place: Floats, cov: Floats, gate: float) -> bool:
        c = self.columns
        parts = range(int(c.parts[i]))
        return any((_distance2(place - c.x[i, k, :2], cov + c.P[i, k, :2, :2]) < gate).any() for k in parts)

    def _holder(self, core: Core, i: int) -> int:
        """The likeliest track on this ray that a sensor of the ray hears: that is who it heard. Its row, or −1."""
        c, table = self.columns, core.table
        sensors = [s.index for s in core.stations.values() if c.heard[i] >> s.index & 1]
        is_place = (table.r[: table.n] >= core.settings.r_coast) & (table.t_hit_ns[: table.n, sensors] > 0).any(axis=1)
        is_place |= (table.r[: table.n] >= core.settings.r_show) & (table.emits[: table.n] > 0.0)
        best, at, n = 0.0, -1, int(c.parts[i])
        for row in np.flatnonzero(is_place).tolist():
            ahead = (c.t_ns[i] - table.t_ns[row]) * 1e-9
            place = table.xm[row, :2] + ahead * table.xm[row, 3:5]
            S = c.P[i, :n, :2, :2] + table.Pm[row, :2, :2]
            if table.r[row] > best and (_distance2(c.x[i, :n, :2] - place, S) < core.settings.ray_join_gate).any():
                best, at = float(table.r[row]), row
        return at

    def _become_track(self, core: Core, i: int, mean: Floats, cov: Floats) -> None:
        c, table = self.columns, core.table
        at = int(table.add(1)[0])
        table.xm[at], table.Pm[at] = mean, 0.5 * (cov + cov.T)
        table.x[at], table.P[at] = mean[:, None], table.Pm[at][np.tril_indices(6)][:, None]
        table.mu[at], table.share[at] = core.mu_birth, core.share_birth
        table.t_ns[at] = table.t_r_ns[at] = c.t_ns[i]
        table.t_update_ns[at], table.t_placed_ns[at] = c.t_hit_ns[i], c.t_ns[i]
        table.r[at], table.emits[at] = c.r[i], max(c.on[i], 1e-3)
        table.status[at], table.hits[at] = TrackStatus.TENTATIVE, c.hits[i]
        table.interval_s[at] = core.settings.interval_start_s
        table.t_chance_ns[at] = c.t_ns[i]
        for station in core.stations.values():
            if c.heard[i] >> station.index & 1:
                table.t_hit_ns[at, station.index] = c.t_hit_ns[i]

    def _keep(self, stay: NDArray[np.bool_]) -> None:
        """Close the gaps, in order."""
        rows = np.flatnonzero(stay)
        if len(rows) < self.n:
            for column in fields(self.columns):
                values = getattr(self.columns, column.name)
                values[: len(rows)] = values[rows]
            self.n = len(rows)

    def dump(self) -> list[Any]:
        return [self.n, {f.name: getattr(self.columns, f.name)[: self.n].tobytes() for f in fields(self.columns)}]

    def load(self, saved: list[Any]) -> None:
        self.n = saved[0]
        for name, raw in saved[1].items():
            column = getattr(self.columns, name)
            column[: self.n] = np.frombuffer(raw, column.dtype).reshape(self.n, *column.shape[1:])


def emitter_share(core: Core, station: Station) -> float:
    """Of bearings that nobody explains, the share that is new emitters and not clutter."""
    fresh = (station.period_s or core.settings.ray_look_s) / core.settings.ray_birth_s
    return fresh / (station.clutter + fresh)


def emission_rates(core: Core) -> Floats:
    """Of falling silent and of speaking up, 1/s: float64[2]."""
    return 1.0 / np.array(core.settings.emits_silent_s)


def emitting(core: Core, t_look_ns: int) -> Ints:
    """Rows of tracks whose existence rests on bearings; ``emits`` of each as it is by the time of the look."""
    table, n = core.table, core.table.n
    held = np.flatnonzero((table.emits[:n] > 0.0) & (table.t_report_ns[:n] == 0))
    rates = emission_rates(core)
    for row in held.tolist():
        dt = max(t_look_ns - int(table.t_r_ns[row]), 0) * 1e-9
        table.emits[row] = stays_on(table.emits[row], dt, rates)
    return held


def believed(core: Core, held: Ints, t_look_ns: int) -> Floats:
    """Existence that tracks ``held`` (int64[K] rows), which are bearings alone, may reach: float64[K].

    For as long as emitters stand where they stand, their bearings cross at places where nobody is, look after look:
    the same chance, not so many. Who has been a place for long enough is none of these.
    """
    settings = core.settings
    age_s = np.maximum(t_look_ns - core.table.t_placed_ns[held], 0) * 1e-9
    return np.asarray(1.0 - settings.crossing_share * np.exp(-age_s / settings.crossing_lasts_s))


def replaced(core: Core, gone: list[int]) -> list[tuple[int, int]]:
    """Pairs of shown tracks of bearings alone, rows by track number, of which one fell silent when the other began, in
    the same place: an emitter whose track had gone astray. Each row once; none of ``gone``.

    That two emitters are as near as their tracks are uncertain, and one stops as the other starts, is not what happens.
    """
    table, settings = core.table, core.settings
    n = table.n
    held = (table.emits[:n] > 0.0) & (table.t_report_ns[:n] == 0) & (table.track_id[:n] > 0)
    held[gone] = False
    silent = held & (table.status[:n] == TrackStatus.COASTING)
    pairs: list[tuple[int, int]] = []
    used: set[int] = set()
    for a in np.flatnonzero(silent).tolist():
        last_ns = int(table.t_update_ns[a])
        came = held & (table.t_placed_ns[:n] > last_ns - int(settings.ray_silence_s * 1e9))
        others = np.flatnonzero(came & (table.t_update_ns[:n] > last_ns))
        ahead = [(core.now_ns - table.t_ns[i]) * 1e-9 for i in (others, a)]
        there = table.xm[others, :2] + ahead[0][:, None] * table.xm[others, 3:5]
        away = there - table.xm[a, :2] - ahead[1] * table.xm[a, 3:5]
        d2 = _distance2(away, table.Pm[others, :2, :2] + table.Pm[a, :2, :2])
        near = others[d2 < settings.ray_join_gate][np.argsort(d2[d2 < settings.ray_join_gate])]
        for b in near.tolist():
            if a not in used and b not in used:
                pairs.append((a, b) if table.track_id[a] < table.track_id[b] else (b, a))
                used |= {a, b}
    return pairs


def _distance2(away: Floats, S: Floats) -> Floats:
    """float64[K, 2], float64[K, 2, 2] -> float64[K]."""
    return np.einsum("na,na->n", away, np.linalg.solve(S, away[:, :, None])[:, :, 0])
