"""Tracks against truth, in numbers: ``evaluate`` and the report it gives."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from lowsky import __version__
from lowsky.constants import SECOND_NS
from lowsky.errors import ConfigError, Fault
from lowsky.evaluate.page import page, shown
from lowsky.evaluate.score import Gospa, Nees, Pairs, first_seconds, identity_switches, match, nees
from lowsky.evaluate.seconds import ALIVE, SHOWN, Picture, common_frame, in_frame, picture, whole_seconds
from lowsky.evaluate.tables import NOT_STATED, ORIGINS, States, Table, origin_of, read_both
from lowsky.geo.enu import EnuFrame
from lowsky.model.classes import ObjectClass
from lowsky.model.measurement import Floats, Ints

CHI2_3_95 = 7.814727903251179  # 95 % of χ² with 3 degrees of freedom
OTHER_CUTOFFS_M = (50.0, 20.0)
UNKNOWN, ANY_DRONE = ObjectClass.UNKNOWN.label, ObjectClass.DRONE.label
DRONES = (ObjectClass.MULTIROTOR.label, ObjectClass.FIXED_WING_DRONE.label)
MAP_POINTS = 400  # of one path on the map
MOST_S = 1_000_000  # of one evaluation, eleven days: one row with a wrong time must not make millions of seconds
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Report:
    """Scores of one run. ``metrics`` holds every figure; the rest is what the page draws."""

    metrics: dict[str, Any]
    series: pl.DataFrame  # one row per second: time, targets, shown, missed, false, localisation_m2, gospa_m
    targets: pl.DataFrame  # one row per target: target_id, class, first_track_s, confirmed_s, seconds, held, switches
    errors_m: Floats  # float64[K] distance of every assigned pair
    truth_paths: dict[int, Floats]  # target_id -> float64[n, 2] m east, north
    track_paths: dict[int, Floats]  # track_id -> the same; only of tracks that were shown
    false_ids: tuple[int, ...]  # tracks that were shown and never assigned

    @property
    def gospa(self) -> float:
        """Mean GOSPA over the whole run, m; not divided by the number of targets."""
        return float(self.metrics["whole"]["gospa_m"])

    @property
    def nees(self) -> float | None:
        """ANEES over the whole run: 1 is consistent, more is over-confident. None without covariances."""
        value = self.metrics["whole"]["anees"]
        return None if value is None else float(value)

    def summary(self) -> str:
        """The main figures in a few lines of text, for a terminal."""
        m = self.metrics
        late = m["settled"] or m["whole"]
        which = f"from {m['settled_from_s']:g} s" if m["settled"] else "whole run"
        confirmed = m["confirmed_s"]
        return "\n".join(
            (
                f"{m['targets']} targets, {m['tracks_shown']} tracks shown, {m['seconds']} s, data: {m['origin']}",
                f"GOSPA        {shown(late['gospa_m'])} m {which}, {shown(m['whole']['gospa_m'])} m whole",
                f"RMS error    {shown(late['rmse_m'])} m, {shown(late['rmse_horizontal_m'])} m horizontal",
                f"missed       {shown(late['missed'], 2)} at a time; false {shown(late['false'], 2)}",
                f"false tracks {m['false_tracks']['count']} ({shown(m['false_tracks']['per_hour'])} an hour)",
                f"confirmed    after {shown(confirmed['median'])} s (median); {confirmed['never']} never",
                f"switches     {m['identity_switches']}",
                f"ANEES        {shown(late['anees'], 2)}; inside 95 % ellipsoid {shown(late['inside_95'], 3)}",
            )
        )

    def to_json(self, path: str | Path | None = None) -> str:
        """The figures as JSON text; also written to ``path`` where one is given, whole or not at all."""
        text = msgspec.json.format(msgspec.json.encode(self.metrics), indent=2).decode() + "\n"
        if path is not None:
            _write_whole(Path(path), text)
        return text

    def to_html(self, path: str | Path) -> None:
        """The figures and plots as one self-contained page, written whole or not at all."""
        _write_whole(Path(path), page(self))


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def evaluate(
    tracks: Table,
    truth: Table,
    *,
    max_age_s: float = 3.0,
    cutoff_m: float = 100.0,
    settled_from_s: float = 20.0,
    truth_max_age_s: float = 1.0,
    span: tuple[datetime, datetime] | None = None,
    origin: str = NOT_STATED,
) -> Report:
    """Score tracks against truth: paths of Parquet files, or Polars frames (docs/contract.md).

    Parameters
    ----------
    max_age_s : float
        A track is shown at a second if its latest row is confirmed or coasting and at most this old.
        The benchmarks take 1.5 looks of the slowest radar.
    cutoff_m : float
        c of GOSPA: pairs further apart are never one object.
    settled_from_s : float
        Start of the window "settled", seconds after the start of the span.
    truth_max_age_s : float
        Longest gap between two rows of a target over which the earlier is carried; it has no position in longer ones.
    span : (datetime, datetime), optional
        Start and end; the first to the last time of the truth where left out.
    origin : str
        "simulated" or "recorded", written on the report; "not stated": what the truth's file says of itself.

    Raises
    ------
    ConfigError
        With every fault of both files and of the parameters.
    """
    limits = (("max_age_s", max_age_s, DAY_S), ("cutoff_m", cutoff_m, 1e7), ("truth_max_age_s", truth_max_age_s, DAY_S))
    faults = [
        Fault(name, f"{value:g}", f"above 0, at most {most:g}")
        for name, value, most in limits
        if not 0.0 < value <= most
    ]
    if not 0.0 <= settled_from_s <= MOST_S:
        faults.append(Fault("settled_from_s", f"{settled_from_s:g}", f"from 0 to {MOST_S}"))
    if origin not in ORIGINS:
        faults.append(Fault("origin", repr(origin), "one of " + ", ".join(ORIGINS)))
    if faults:
        raise ConfigError(faults)
    own, real = read_both(tracks, truth)
    if origin == NOT_STATED:
        origin = origin_of(truth)
    if not len(real.t_ns):
        raise ConfigError([Fault("truth", "no rows", "at least one target")])
    seconds = whole_seconds(_span_ns(real, span))
    frame = common_frame(real)
    run = _Run(
        own, real, seconds, frame,
        truth=picture(real, seconds, frame, truth_max_age_s, statuses=None),
        shown=picture(own, seconds, frame, max_age_s, SHOWN),
        alive=picture(own, seconds, frame, max_age_s, ALIVE),
        settings={"origin": origin, "cutoff_m": cutoff_m, "max_age_s": max_age_s, "settled_from_s": settled_from_s},
    )  # fmt: skip
    return run.report()


def _span_ns(real: States, span: tuple[datetime, datetime] | None) -> tuple[int, int]:
    """The span asked for, or that of the truth. Raises ``ConfigError`` where it has no whole second or too many."""
    where, start_ns, end_ns = "truth", int(real.t_ns.min()), int(real.t_ns.max())
    if span is not None:
        where, start_ns, end_ns = "span", _ns(span[0]), _ns(span[1])
    n = end_ns // SECOND_NS - start_ns // SECOND_NS
    if n < 1:
        raise ConfigError([Fault(where, "less than one whole second", "a longer run")])
    if n > MOST_S:
        found = f"{n:,} s, from {_iso(start_ns)} to {_iso(end_ns)}"
        raise ConfigError([Fault(where, found, f"at most {MOST_S:,} s; is there a row with a wrong time?")])
    return start_ns, end_ns


def _ns(time: datetime) -> int:
    return round(time.replace(tzinfo=time.tzinfo or UTC).timestamp() * 1e6) * 1_000


@dataclass(frozen=True, slots=True)
class _Run:
    """One evaluation: the tables, the picture of every second, and what is made of them."""

    own: States
    real: States
    seconds: Ints
    frame: EnuFrame
    truth: Picture
    shown: Picture
    alive: Picture
    settings: dict[str, Any]

    def report(self) -> Report:
        n, cutoff_m = len(self.seconds), self.settings["cutoff_m"]
        gospa, pairs = match(self.truth, self.shown, n, cutoff_m)
        _, alive_pairs = match(self.truth, self.alive, n, cutoff_m)
        error = self._error(pairs)
        consistency = nees(pairs, self.truth, self.shown, self.own, self.frame)
        settled = self.seconds - self.seconds[0] >= (self.settings["settled_from_s"] - 1.0) * SECOND_NS
        targets = self._targets(pairs, alive_pairs)
        false_ids = np.setdiff1d(self.shown.id, self.shown.id[pairs.track])
        hours = n / 3600.0
        metrics: dict[str, Any] = {
            "format": "lowsky evaluation 1",
            "lowsky": __version__,
            **self.settings,
            "from": _iso(self.seconds[0]),
            "to": _iso(self.seconds[-1]),
            "seconds": n,
            "targets": len(np.unique(self.real.id)),
            "tracks_shown": len(np.unique(self.shown.id)),
            "rows_without_position": int((~np.isfinite(self.own.geodetic).all(axis=1)).sum()),
            "rows_superseded": self.own.superseded,
            "whole": _window(np.ones(n, bool), gospa, pairs, error, consistency),
            "settled": _window(settled, gospa, pairs, error, consistency),
            "identity_switches": int(targets["switches"].sum()),
            "first_track_s": _times(targets["first_track_s"]),
            "confirmed_s": _times(targets["confirmed_s"]),
            "false_tracks": {"count": len(false_ids), "per_hour": len(false_ids) / hours},
            "class": self._class(pairs),
            "covariances_not_positive_definite": consistency.bad,
        }
        for other_m in OTHER_CUTOFFS_M:
            other, _ = match(self.truth, self.shown, n, other_m)
            metrics[f"gospa_c{other_m:g}_m"] = float(other.gospa_m.mean())
        truth_pos, _ = in_frame(self.real, self.frame)
        track_pos, _ = in_frame(self.own, self.frame)
        ever = np.isin(self.own.id, np.unique(self.shown.id))
        return Report(
            metrics, self._series(gospa), targets, np.sqrt((error**2).sum(axis=1)),
            _paths(self.real.id, truth_pos), _paths(self.own.id[ever], track_pos[ever]), tuple(false_ids.tolist()),
        )  # fmt: skip

    def _error(self, pairs: Pairs) -> Floats:
        """Truth minus track in east, north, up at the target, float64[K, 3] m."""
        place = self.real.geodetic[self.truth.row[pairs.target]]
        local = self.frame.local_from_enu(place[:, 0], place[:, 1])
        return np.asarray(np.einsum("kij,kj->ki", local, self.truth.pos[pairs.target] - self.shown.pos[pairs.track]))

    def _series(self, gospa: Gospa) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "time": pl.Series(self.seconds, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
                "targets": np.diff(self.truth.first),
                "shown": np.diff(self.shown.first),
                "missed": gospa.missed,
                "false": gospa.false,
                "localisation_m2": gospa.localisation_m2,
                "gospa_m": gospa.gospa_m,
            }
        )

    def _targets(self, pairs: Pairs, alive_pairs: Pairs) -> pl.DataFrame:
        """One row per target: when it was first followed, how long, and how often its track changed."""
        ids, first_row = np.unique(self.real.id, return_index=True)
        seen, confirmed = first_seconds(alive_pairs, self.truth), first_seconds(pairs, self.truth)
        switches = identity_switches(self.truth, self.shown, len(self.seconds), self.settings["cutoff_m"])
        there, held = _count(self.truth.id, ids), _count(self.truth.id[pairs.target], ids)
        begin_ns = self.real.t_ns[first_row]

        def after_s(firsts: dict[int, int]) -> list[float | None]:
            return [
                float(self.seconds[firsts[i]] - begin) / SECOND_NS if i in firsts else None
                for i, begin in zip(ids.tolist(), begin_ns.tolist())
            ]

        return pl.DataFrame(
            {
                "target_id": ids,
                "class": pl.Series([self.real.object_class[r] for r in first_row], dtype=pl.String),
                "first_track_s": pl.Series(after_s(seen), dtype=pl.Float64),
                "confirmed_s": pl.Series(after_s(confirmed), dtype=pl.Float64),
                "seconds": there,
                "held": held,
                "switches": [switches.get(i, 0) for i in ids.tolist()],
            }
        )

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


def _count(values: Ints, ids: Ints) -> Ints:
    """How often each of the sorted ``ids`` occurs in ``values``."""
    return np.bincount(np.searchsorted(ids, values), minlength=len(ids))


def _iso(t_ns: int) -> str:
    return datetime.fromtimestamp(int(t_ns) / 1e9, UTC).isoformat().replace("+00:00", "Z")


def _window(
    use: np.ndarray, gospa: Gospa, pairs: Pairs, error: Floats, consistency: Nees
) -> dict[str, float | int | None] | None:
    """Figures over the seconds of the mask ``use``; None where there are none."""
    if not use.any():
        return None
    inside, held = use[pairs.second], use[consistency.second]
    e2 = error[inside] ** 2
    n_pair, n_missed = len(e2), int(gospa.missed[use].sum())
    state, position = consistency.state[held], consistency.position[held]
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
    }


def _root_mean(squares: Floats) -> float | None:
    return math.sqrt(float(squares.mean())) if len(squares) else None


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
