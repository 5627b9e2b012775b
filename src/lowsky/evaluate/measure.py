"""One evaluation: the pictures of every second, and every figure made of them."""

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from lowsky import __version__
from lowsky.constants import SECOND_NS
from lowsky.evaluate.calibration import (
    Claims,
    Reliability,
    cells_of,
    middle,
    probabilistic_gospa_m,
    real_rows,
    reliability,
)
from lowsky.evaluate.clairvoyant import Reference
from lowsky.evaluate.consistency import Innovations, consistency, nis
from lowsky.evaluate.coverage import Coverage, by_distance, coverage, first_inside
from lowsky.evaluate.pairs import Together, together
from lowsky.evaluate.score import Followed, Gospa, Nees, Pairs, first_seconds, follow_identity, match, nees
from lowsky.evaluate.seconds import ALIVE, SHOWN, Picture, common_frame, in_frame, picture, whole_seconds
from lowsky.evaluate.siap import siap, surveillance
from lowsky.evaluate.tables import Source, States, read_tracks
from lowsky.evaluate.trajectory import ospa2, trajectory_gospa
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Floats, Ints
from lowsky.model.site import Site

CHI2_3_95 = 7.814727903251179  # 95 % of χ² with 3 degrees of freedom
OTHER_CUTOFFS_M = (50.0, 20.0)
GAMMA = 0.5  # of c: one change of track costs as much as half a second in which the target is missed
WINDOW_S, EVERY_S = 60, 10  # OSPA(2)
UNKNOWN, ANY_DRONE = ObjectClass.UNKNOWN.label, ObjectClass.DRONE.label
DRONES = (ObjectClass.MULTIROTOR.label, ObjectClass.FIXED_WING_DRONE.label)
MAP_POINTS = 400  # of one path on the map
MOST_S = 1_000_000  # of one evaluation, eleven days: one row with a wrong time must not make millions of seconds
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Extras:
    """What a caller may know beyond the two tables."""

    source: Source
    site: Site | None
    reference: Reference | None
    claims: States | None
    innovations: Innovations | None


@dataclass(frozen=True, slots=True)
class Measured:
    """The fields of a ``Report``, which says what they are."""

    metrics: dict[str, Any]
    series: pl.DataFrame
    targets: pl.DataFrame
    errors_m: Floats
    followed: dict[int, list[tuple[int, int, int]]]
    there: dict[int, list[tuple[int, int]]]
    reliability: Reliability | None
    claims: Floats
    truth_paths: dict[int, Floats]
    track_paths: dict[int, Floats]
    false_ids: tuple[int, ...]
    sensor_places: dict[str, Floats]


def measure(
    own: States,
    real: States,
    span_ns: tuple[int, int],
    truth_max_age_s: float,
    settings: dict[str, Any],
    extras: Extras,
) -> Measured:
    """Score tracks ``own`` against truth ``real`` over the whole seconds of a span."""
    seconds, frame = whole_seconds(span_ns), common_frame(real)
    max_age_s = settings["max_age_s"]
    run = _Run(
        own, real, seconds, frame,
        truth=picture(real, seconds, frame, truth_max_age_s, statuses=None),
        shown=picture(own, seconds, frame, max_age_s, SHOWN),
        alive=picture(own, seconds, frame, max_age_s, ALIVE),
        settings=settings,
    )  # fmt: skip
    return run.measured(extras)


@dataclass(frozen=True, slots=True)
class _Run:
    """The tables, the picture of every second, and what is made of them."""

    own: States
    real: States
    seconds: Ints
    frame: EnuFrame
    truth: Picture
    shown: Picture
    alive: Picture
    settings: dict[str, Any]

    def measured(self, extras: Extras) -> Measured:
        n, cutoff_m = len(self.seconds), self.settings["cutoff_m"]
        gospa, pairs = match(self.truth, self.shown, n, cutoff_m)
        _, alive_pairs = match(self.truth, self.alive, n, cutoff_m)
        error = self._error(pairs)
        normal = nees(pairs, self.truth, self.shown, self.own, self.frame)
        settled = self.seconds - self.seconds[0] >= (self.settings["settled_from_s"] - 1.0) * SECOND_NS
        followed = follow_identity(self.truth, self.shown, n, cutoff_m)
        covered = None if extras.site is None else coverage(extras.site, self.truth, self.real)
        targets = self._targets(pairs, alive_pairs, followed, covered)
        false_ids = np.setdiff1d(self.shown.id, self.shown.id[pairs.track])
        near = together(self.truth, self.shown, cutoff_m)
        claims = self._claims(extras.claims)
        is_real = real_rows(self.truth.first, self.truth.pos, claims, cutoff_m)
        told = reliability(claims.existence, is_real)
        source = extras.source
        metrics: dict[str, Any] = {
            "format": "lowsky evaluation 2",
            "lowsky": __version__,
            "scenario": source.scenario,
            "scenario_sha256": source.scenario_sha256,
            "seeds": None if source.seed is None else [source.seed],
            "runs": 1,
            **self.settings,
            "from": _iso(self.seconds[0]),
            "to": _iso(self.seconds[-1]),
            "seconds": n,
            "targets": len(np.unique(self.real.id)),
            "tracks_shown": len(np.unique(self.shown.id)),
            "rows_without_position": int((~np.isfinite(self.own.geodetic).all(axis=1)).sum()),
            "rows_superseded": self.own.superseded,
            "whole": _window(np.ones(n, bool), gospa, pairs, error, normal),
            "settled": _window(settled, gospa, pairs, error, normal),
            "identity_switches": int(targets["switches"].sum()),
            "first_track_s": _times(targets["first_track_s"]),
            "confirmed_s": _times(targets["confirmed_s"]),
            "in_coverage": None if covered is None else self._in_coverage(targets, covered, pairs),
            "false_tracks": {"count": len(false_ids), "per_hour": len(false_ids) / n * 3600.0},
            "trajectory_gospa": _dict(trajectory_gospa(near, GAMMA * cutoff_m)),
            "ospa2": _ospa2(near),
            "siap": siap(near, self._velocity_error(near)),
            "surveillance": surveillance(near, pairs.second, pairs.target, np.hypot(error[:, 0], error[:, 1])),
            "consistency": _consistency(normal),
            "nis": None if extras.innovations is None else nis(extras.innovations),
            "existence": self._existence(extras.claims is not None, claims, is_real, told),
            "class": self._class(pairs),
            "covariances_not_positive_definite": normal.bad,
        }
        for other_m in OTHER_CUTOFFS_M:
            other, _ = match(self.truth, self.shown, n, other_m)
            metrics[f"gospa_c{other_m:g}_m"] = float(other.gospa_m.mean())
        series = self._series(gospa, pairs, error, normal)
        reference, more = self._reference(extras.reference, settled, metrics)
        metrics["reference"] = reference
        truth_pos, _ = in_frame(self.real, self.frame)
        track_pos, _ = in_frame(self.own, self.frame)
        ever = np.isin(self.own.id, np.unique(self.shown.id))
        return Measured(
            metrics, series.with_columns(**more), targets, np.sqrt((error**2).sum(axis=1)), followed.spans,
            _spans(self.truth), told, cells_of(claims.existence, is_real),
            _paths(self.real.id, truth_pos), _paths(self.own.id[ever], track_pos[ever]),
            tuple(false_ids.tolist()), _places(extras.site, self.frame),
        )  # fmt: skip

    def _error(self, pairs: Pairs) -> Floats:
        """Truth minus track in east, north, up at the target, float64[K, 3] m."""
        place = self.real.geodetic[self.truth.row[pairs.target]]
        local = self.frame.local_from_enu(place[:, 0], place[:, 1])
        return np.asarray(np.einsum("kij,kj->ki", local, self.truth.pos[pairs.target] - self.shown.pos[pairs.track]))

    def _velocity_error(self, near: Together) -> Floats:
        difference = self.truth.vel[near.target_entry] - self.shown.vel[near.track_entry]
        return np.asarray(np.sqrt((difference**2).sum(axis=1)))

    def _series(self, gospa: Gospa, pairs: Pairs, error: Floats, normal: Nees) -> pl.DataFrame:
        n = len(self.seconds)
        count = np.bincount(normal.second, minlength=n)
        state = np.bincount(normal.second, normal.state, n)
        with np.errstate(invalid="ignore", divide="ignore"):
            anees = np.where(count > 0, state / (6.0 * count), np.nan)
            half = np.where(count > 0, 1.96 * np.sqrt(2.0 / (6.0 * count)), np.nan)
        return pl.DataFrame(
            {
                "time": pl.Series(self.seconds, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
                "targets": np.diff(self.truth.first),
                "shown": np.diff(self.shown.first),
                "missed": gospa.missed,
                "false": gospa.false,
                "localisation_m2": gospa.localisation_m2,
                "gospa_m": gospa.gospa_m,
                "rmse_m": _root_mean_by(pairs.second, (error**2).sum(axis=1), n),
                "anees": anees,
                "anees_half_band": half,
            }
        )

    def _targets(self, pairs: Pairs, alive_pairs: Pairs, followed: Followed, covered: Coverage | None) -> pl.DataFrame:
        """One row per target: when it was first followed, how long, and how often its track changed."""
        ids, first_row = np.unique(self.real.id, return_index=True)
        seen, confirmed = first_seconds(alive_pairs, self.truth), first_seconds(pairs, self.truth)
        entered = {} if covered is None else first_inside(covered, self.truth)
        there, held = _count(self.truth.id, ids), _count(self.truth.id[pairs.target], ids)
        begin_ns = dict(zip(ids.tolist(), self.real.t_ns[first_row].tolist()))

        def after_s(firsts: dict[int, int]) -> pl.Series:
            found = [
                float(self.seconds[firsts[i]] - begin_ns[i]) / SECOND_NS if i in firsts else None for i in ids.tolist()
            ]
            return pl.Series(found, dtype=pl.Float64)

        return pl.DataFrame(
            {
                "target_id": ids,
                "class": pl.Series([self.real.object_class[r] for r in first_row], dtype=pl.String),
                "first_track_s": after_s(seen),
                "confirmed_s": after_s(confirmed),
                "coverage_s": after_s(entered),
                "seconds": there,
                "held": held,
                "switches": [followed.switches.get(i, 0) for i in ids.tolist()],
            }
        )

    def _in_coverage(self, targets: pl.DataFrame, covered: Coverage, pairs: Pairs) -> dict[str, Any]:
        """Times from entering theoretical coverage (never before it), and shares held."""
        ever = targets.filter(pl.col("coverage_s").is_not_null())
        held = np.zeros(len(self.truth.id), np.bool_)
        held[pairs.target] = True
        n = int(covered.inside.sum())

        def since(name: str) -> pl.Series:
            return (ever[name] - ever["coverage_s"]).clip(lower_bound=0.0)

        return {
            "targets": len(ever),
            "first_track_s": _times(since("first_track_s")),
            "confirmed_s": _times(since("confirmed_s")),
            "target_seconds": n,
            "held": float(held[covered.inside].mean()) if n else None,
            "by_distance": by_distance(covered, held),
        }

    def _claims(self, given: States | None) -> Claims:
        """Rows that claim an object at whole seconds: those given, or those of the track table that are alive."""
        if given is None:
            said = np.nan_to_num(self.own.existence[self.alive.row], nan=-1.0)
            use = said >= 0.0
            second = np.repeat(np.arange(len(self.seconds)), np.diff(self.alive.first))[use]
            pos, said = self.alive.pos[use], said[use]
        else:
            second = np.searchsorted(self.seconds, given.t_ns)
            inside = second < len(self.seconds)
            inside[inside] = self.seconds[second[inside]] == given.t_ns[inside]
            use = np.flatnonzero(inside & np.isfinite(given.geodetic).all(axis=1) & np.isfinite(given.existence))
            use = use[np.argsort(second[use], kind="stable")]
            pos, second, said = in_frame(given, self.frame)[0][use], second[use], given.existence[use]
        return Claims(np.searchsorted(second, np.arange(len(self.seconds) + 1)), pos, said)

    def _existence(
        self, is_all: bool, claims: Claims, is_real: np.ndarray, told: Reliability | None
    ) -> dict[str, Any] | None:
        if told is None:
            return None
        doubtful = middle(claims.existence)
        part = reliability(claims.existence[doubtful], is_real[doubtful])
        cutoff_m = self.settings["cutoff_m"]
        value = probabilistic_gospa_m(self.truth.first, self.truth.pos, claims, is_real, cutoff_m)
        return {
            "rows": "every hypothesis" if is_all else "rows of the track table",
            "n": len(claims.existence),
            "ece": told.ece,
            "ece_floor": told.floor,
            "n_middle": int(doubtful.sum()),
            "ece_middle": None if part is None else part.ece,
            "ece_middle_floor": None if part is None else part.floor,
            "middle_claimed": float(claims.existence[doubtful].mean()) if part else None,
            "middle_found": float(is_real[doubtful].mean()) if part else None,
            "brier": told.brier,
            "brier_parts": {
                name: getattr(told, name) for name in ("reliability", "resolution", "uncertainty", "within")
            },
            "probabilistic_gospa_m": float(value.mean()),
            "bins": [
                {"claimed": float(c), "found": float(f), "n": int(k)}
                for c, f, k in zip(told.claimed, told.found, told.count)
            ],
        }

    def _reference(
        self, reference: Reference | None, settled: np.ndarray, metrics: dict[str, Any]
    ) -> tuple[dict[str, Any] | None, dict[str, pl.Series]]:
        """The clairvoyant filter's figures and the bound, and both over time."""
        if reference is None:
            return None, {}
        n, told = len(self.seconds), read_tracks(reference.tracks)
        known = picture(told, self.seconds, self.frame, DAY_S, SHOWN)
        gospa, pairs = match(self.truth, known, n, self.settings["cutoff_m"])
        e2 = ((self.truth.pos[pairs.target] - known.pos[pairs.track]) ** 2).sum(axis=1)
        more = {
            "reference_gospa_m": pl.Series(gospa.gospa_m),
            "reference_rmse_m": pl.Series(_root_mean_by(pairs.second, e2, n)),
        }
        use = settled if settled.any() else np.ones(n, bool)
        ours = metrics["settled"] or metrics["whole"]
        out = {
            "gospa_m": float(gospa.gospa_m[use].mean()),
            "rmse_m": _root_mean(e2[use[pairs.second]]),
            "missed": float(gospa.missed[use].mean()),
        }
        out["gospa_ratio"] = ours["gospa_m"] / out["gospa_m"] if out["gospa_m"] else None
        out["rmse_ratio"] = ours["rmse_m"] / out["rmse_m"] if out["rmse_m"] and ours["rmse_m"] else None
        if reference.bound is not None:
            at = np.searchsorted(self.seconds, reference.bound[0])
            inside = (at < n) & (reference.bound[0] >= self.seconds[0])
            total, count = (np.bincount(at[inside], w[inside], n) for w in reference.bound[1:])
            with np.errstate(invalid="ignore", divide="ignore"):
                bound_m = np.sqrt(np.where(count > 0, total / count, np.nan))
            more["bound_m"] = pl.Series(bound_m)
            if count[use].sum():
                out["bound_m"] = float(np.sqrt(total[use].sum() / count[use].sum()))
                out["bound_ratio"] = ours["rmse_m"] / out["bound_m"] if ours["rmse_m"] else None
        return out, more

    def _class(self, pairs: Pairs) -> dict[str, float] | None:
        """Shares of assigned seconds in which the class shown is right, unknown, or another.

        "drone" is right for a drone of either build: it says no more than that.
        """
        said = [self.own.object_class[r] for r in self.shown.row[pairs.track].tolist()]
        real = [self.real.object_class[r] for r in self.truth.row[pairs.target].tolist()]
        both = [(s, r) for s, r in zip(said, real) if s is not None and r is not None]
        if not both:
            return None
        right = sum(s == r or (s == ANY_DRONE and r in DRONES) for s, r in both)
        unknown, n = sum(s == UNKNOWN != r for s, r in both), len(both)
        return {"n": n, "right": right / n, "unknown": unknown / n, "wrong": (n - right - unknown) / n}


def _dict(found: Any) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _ospa2(near: Together) -> dict[str, Any]:
    _, values = ospa2(near, WINDOW_S, EVERY_S)
    known = values[np.isfinite(values)]
    return {
        "window_s": min(WINDOW_S, near.seconds),
        "mean_m": float(known.mean()) if len(known) else None,
        "worst_m": float(known.max()) if len(known) else None,
        "windows": len(known),
    }


def _consistency(normal: Nees) -> dict[str, Any]:
    """NEES of state and position, target by target: neighbouring seconds of one target are not independent."""
    order = np.lexsort((normal.second, normal.target))
    return {
        "state": consistency(normal.state[order], normal.target[order], 6),
        "position": consistency(normal.position[order], normal.target[order], 3),
    }


def _count(values: Ints, ids: Ints) -> Ints:
    """How often each of the sorted ``ids`` occurs in ``values``."""
    return np.bincount(np.searchsorted(ids, values), minlength=len(ids))


def _iso(t_ns: int) -> str:
    return datetime.fromtimestamp(int(t_ns) / 1e9, UTC).isoformat().replace("+00:00", "Z")


def _window(
    use: np.ndarray, gospa: Gospa, pairs: Pairs, error: Floats, normal: Nees
) -> dict[str, float | int | None] | None:
    """Figures over the seconds of the mask ``use``; None where there are none."""
    if not use.any():
        return None
    inside, held = use[pairs.second], use[normal.second]
    e2 = error[inside] ** 2
    n_pair, n_missed = len(e2), int(gospa.missed[use].sum())
    state, position = normal.state[held], normal.position[held]
    own = ~normal.contested[held]
    return {
        "seconds": int(use.sum()),
        "gospa_m": float(gospa.gospa_m[use].mean()),
        "localisation_m2": float(gospa.localisation_m2[use].mean()),
        "missed": float(gospa.missed[use].mean()),
        "false": float(gospa.false[use].mean()),
        "pairs": n_pair,
        "completeness": n_pair / (n_pair + n_missed) if n_pair + n_missed else None,
        "rmse_m": _root_mean(e2.sum(axis=1)),
        "rmse_horizontal_m": _root_mean(e2[:, :2].sum(axis=1)),
        "rmse_vertical_m": _root_mean(e2[:, 2]),
        "nees_pairs": len(state),
        "anees": float(state.mean() / 6.0) if len(state) else None,
        "inside_95": float((position <= CHI2_3_95).mean()) if len(position) else None,
        "contested": float(1.0 - own.mean()) if len(own) else None,
        "anees_own": float(state[own].mean() / 6.0) if own.any() else None,
        "inside_95_own": float((position[own] <= CHI2_3_95).mean()) if own.any() else None,
    }


def _root_mean(squares: Floats) -> float | None:
    return math.sqrt(float(squares.mean())) if len(squares) else None


def _root_mean_by(second: Ints, squares: Floats, n: int) -> Floats:
    """Root mean of each second, float64[n]; NaN where there is nothing."""
    count = np.bincount(second, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.where(count > 0, np.bincount(second, squares, n) / count, np.nan))


def _times(seconds: pl.Series) -> dict[str, float | int | None]:
    """Median, 95th percentile and the number of targets that never got there."""
    known = seconds.drop_nulls()
    return {
        "targets": len(known),
        "never": len(seconds) - len(known),
        "median": float(known.median()) if len(known) else None,  # type: ignore[arg-type]
        "p95": float(known.quantile(0.95, "linear")) if len(known) else None,  # type: ignore[arg-type]
        "worst": float(known.max()) if len(known) else None,  # type: ignore[arg-type]
    }


def _spans(truth: Picture) -> dict[int, list[tuple[int, int]]]:
    """First and last second of every stretch in which a target is there."""
    second = np.repeat(np.arange(len(truth.first) - 1), np.diff(truth.first))
    order = np.lexsort((second, truth.id))
    ids, second = truth.id[order], second[order]
    breaks = np.flatnonzero((np.diff(ids) != 0) | (np.diff(second) != 1)) + 1
    out: dict[int, list[tuple[int, int]]] = {}
    for rows in np.split(np.arange(len(ids)), breaks) if len(ids) else ():
        out.setdefault(int(ids[rows[0]]), []).append((int(second[rows[0]]), int(second[rows[-1]])))
    return out


def _places(site: Site | None, frame: EnuFrame) -> dict[str, Floats]:
    if site is None:
        return {}
    return {
        s.id: frame.pos_enu(np.array([s.latitude_rad]), np.array([s.longitude_rad]), np.array([s.height_m]))[0, :2]
        for s in site.sensors
    }


def _paths(ids: Ints, pos: Floats) -> dict[int, Floats]:
    """Ground paths, thinned to what a map can show; rows without a position are left out."""
    out = {}
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1])) if len(ids) else np.empty(0, np.int64)
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(ids)]):
        path = pos[first:last, :2]
        path = path[np.isfinite(path).all(axis=1)]
        if len(path):
            step = max(1, math.ceil(len(path) / MAP_POINTS))
            out[int(ids[first])] = np.concatenate((path[:-1:step], path[-1:]))
    return out
