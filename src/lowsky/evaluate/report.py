"""Tracks against truth, in numbers: ``evaluate`` and the report it gives."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from lowsky.constants import SECOND_NS
from lowsky.errors import ConfigError, Fault
from lowsky.evaluate.calibration import Reliability
from lowsky.evaluate.clairvoyant import Reference
from lowsky.evaluate.consistency import Innovations
from lowsky.evaluate.figures import write_figures
from lowsky.evaluate.measure import DAY_S, MOST_S, Extras, Measured, measure
from lowsky.evaluate.page import page, shown
from lowsky.evaluate.tables import NOT_STATED, ORIGINS, Table, origin_of, read_both, read_claims, source_of
from lowsky.evaluate.write import write_whole
from lowsky.model.measurement import Floats
from lowsky.model.site import Site


@dataclass(frozen=True, slots=True)
class Report:
    """Scores of one run. ``metrics`` holds every figure; the rest is what the page draws."""

    metrics: dict[str, Any]
    series: pl.DataFrame  # one row per second: time, targets, shown, missed, false, localisation_m2, gospa_m, …
    targets: pl.DataFrame  # one row per target: target_id, class, first_track_s, confirmed_s, seconds, held, switches
    errors_m: Floats  # float64[K] distance of every assigned pair
    followed: dict[int, list[tuple[int, int, int]]]  # target_id -> (first second, last second, track_id), in order
    there: dict[int, list[tuple[int, int]]]  # target_id -> (first second, last second) in which it is there
    reliability: Reliability | None
    claims: Floats  # float64[CELLS, 3] rows, sum of existence claimed, and how many were real, in fine cells
    truth_paths: dict[int, Floats]  # target_id -> float64[n, 2] m east, north
    track_paths: dict[int, Floats]  # track_id -> the same; only of tracks that were shown
    false_ids: tuple[int, ...]  # tracks that were shown and never assigned
    sensor_places: dict[str, Floats]  # sensor -> float64[2] m east, north; of the site, where one was given

    @property
    def gospa(self) -> float:
        """Mean GOSPA over the whole run, m; not divided by the number of targets."""
        return float(self.metrics["whole"]["gospa_m"])

    @property
    def nees(self) -> float | None:
        """ANEES over the whole run: 1 is consistent, more is over-confident. None without covariances."""
        value = self.metrics["whole"]["anees"]
        return None if value is None else float(value)

    @property
    def trajectory_gospa(self) -> float | None:
        """Trajectory GOSPA over the whole run, m; None where it was too large to solve."""
        found = self.metrics["trajectory_gospa"]
        return None if found is None else float(found["value_m"])

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
            write_whole(Path(path), text)
        return text

    def to_html(self, path: str | Path) -> None:
        """The figures and plots as one self-contained page, written whole or not at all."""
        write_whole(Path(path), page(self))

    def to_figures(self, folder: str | Path) -> list[Path]:
        """Every plot as a file of its own, for papers: SVG always, and PNG where matplotlib is installed."""
        return write_figures(self, Path(folder))


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
    site: Site | None = None,
    reference: Reference | None = None,
    claims: Table | None = None,
    innovations: Innovations | None = None,
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
    site : Site, optional
        Then times also count from entering the coverage of a radar, and shares held are told by distance from them.
    reference : Reference, optional
        What a filter that is told every association makes of the same measurements, and the bound: drawn beside.
    claims : Table, optional
        Every hypothesis of the tracker at whole seconds, candidates too (``time``, position, ``existence``), to judge
        existence by; the rows of ``tracks`` where left out.
    innovations : Innovations, optional
        Normalised squared innovations, for NIS.

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
    if not len(real.t_ns):
        raise ConfigError([Fault("truth", "no rows", "at least one target")])
    start_ns, end_ns = (int(real.t_ns.min()), int(real.t_ns.max())) if span is None else (_ns(span[0]), _ns(span[1]))
    _check_span(start_ns, end_ns, "truth" if span is None else "span")
    settings = {
        "origin": origin_of(truth) if origin == NOT_STATED else origin,
        "cutoff_m": cutoff_m, "max_age_s": max_age_s, "settled_from_s": settled_from_s,
    }  # fmt: skip
    extras = Extras(source_of(truth), site, reference, None if claims is None else read_claims(claims), innovations)
    found: Measured = measure(own, real, (start_ns, end_ns), truth_max_age_s, settings, extras)
    return Report(**{name: getattr(found, name) for name in Measured.__slots__})


def _check_span(start_ns: int, end_ns: int, where: str) -> None:
    """Raises ``ConfigError`` where a span has no whole second or too many."""
    n = end_ns // SECOND_NS - start_ns // SECOND_NS
    if n < 1:
        raise ConfigError([Fault(where, "less than one whole second", "a longer run")])
    if n > MOST_S:
        begin, end = (
            datetime.fromtimestamp(t / 1e9, UTC).isoformat().replace("+00:00", "Z") for t in (start_ns, end_ns)
        )
        found = f"{n:,} s, from {begin} to {end}"
        raise ConfigError([Fault(where, found, f"at most {MOST_S:,} s; is there a row with a wrong time?")])


def _ns(time: datetime) -> int:
    return round(time.replace(tzinfo=time.tzinfo or UTC).timestamp() * 1e6) * 1_000
