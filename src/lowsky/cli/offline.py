"""Commands that work on files: track, simulate, evaluate, check."""

import json as json_text
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lowsky.cli.zones import print_zones
from lowsky.engine.config import parse_site, read_site, read_text
from lowsky.engine.offline import Input, SettledSteps, Steps, open_input, run
from lowsky.engine.outputs import missing_faults, says
from lowsky.engine.pipeline import Pipeline
from lowsky.engine.tracktable import TrackTableWriter
from lowsky.errors import ConfigError, Fault, LowskyError
from lowsky.feeds.registry import feed_named
from lowsky.model.events import AlertCleared, AlertRaised, AlertRaisedHigher, Event
from lowsky.model.output import Output
from lowsky.model.ports import Tick
from lowsky.model.site import Sensor, Site
from lowsky.model.zone import PRIORITIES


@contextmanager
def progress(console: Console, title: str) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, nothing elsewhere. Shows after a moment, so that quick work stays quiet."""
    said, done = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[note]}"))
    columns = (said, BarColumn(), TimeElapsedColumn(), done)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None, note="")
        yield lambda note: bar.update(task, note=note)


def _named_input(argument: str, site: Site) -> Input:
    """FILE or SENSOR=FILE; a file whose name holds '=' is still a file."""
    sensor, equals, name = argument.partition("=")
    if equals and not Path(argument).exists() and any(s.id == sensor for s in site.sensors):
        return open_input(Path(name), site, sensor)
    return open_input(Path(argument), site)


def _open_inputs(inputs: tuple[str, ...], site: Site) -> list[Input]:
    if not inputs:
        raise ConfigError([Fault("INPUT", "no input", "one or more recorded files")])
    faults: list[Fault] = []
    opened = []
    for argument in inputs:
        try:
            opened.append(_named_input(argument, site))
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return opened


def writable(*paths: Path | None) -> None:
    """Said before the work, not after it. Raises ``ConfigError``."""
    faults: list[Fault] = []
    for path in filter(None, paths):
        if not path.parent.is_dir():
            faults.append(Fault(str(path), f"no folder {path.parent}", "a path in an existing folder"))
        elif path.is_dir():
            faults.append(Fault(str(path), "a folder", "the name of a file"))
    named = [path.resolve() for path in filter(None, paths)]
    if len(set(named)) < len(named):
        faults.append(Fault(str(named[0]), "two outputs in one file", "a file for each"))
    if faults:
        raise ConfigError(faults)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """The disk may still refuse: then that is one line, too. Raises ``LowskyError``."""
    try:
        yield
    except OSError as error:
        raise LowskyError(f"{path}: cannot be written: {error.strerror or error}") from error


def track(
    site_path: Path, inputs: tuple[str, ...], output: Path, alerts: Path | None, settled: Path | None, console: Console
) -> int:
    site = read_site(site_path)
    sources = _open_inputs(inputs, site)
    writable(output, alerts, settled)
    alert_events: list[Event] = []
    with ExitStack() as open_:
        note = open_.enter_context(progress(console, "Tracking"))
        open_.enter_context(_writing(output))
        table = open_.enter_context(TrackTableWriter(output, site))
        ticks, write, settle = 0, Steps(table), None
        if settled is not None:
            open_.enter_context(_writing(settled))
            settle = SettledSteps(open_.enter_context(TrackTableWriter(settled, site)))

        def on_step(tick: Tick, events: list[Event], pipeline: Pipeline) -> None:
            nonlocal ticks
            ticks += 1
            alert_events.extend(e for e in events if isinstance(e, AlertRaised | AlertRaisedHigher | AlertCleared))
            write(tick, events, pipeline)
            if settle is not None:
                settle(tick, pipeline)
            if ticks % 500 == 0:
                note(f"{table.rows:,} rows of tracks")

        pipeline, funnel = run(sources, site, on_step, write.second, tells_settled=settle is not None)
        if settle is not None:
            settle.end(pipeline)
        rows = table.rows
    if alerts is not None:
        _write_whole(alerts, b"".join(msgspec.json.encode(e) + b"\n" for e in alert_events))
    console.print(f"{output}: {rows:,} rows")
    for sensor in dict.fromkeys(source.feed.sensor for source in sources):
        files = ", ".join(source.path.name for source in sources if source.feed.sensor == sensor)
        shown = ", ".join(f"{name.lower()} {n:,}" for name, n in funnel.counts(sensor).items() if n)
        console.print(f"  {files}: {shown}")
    for status in pipeline.sensors:
        if status.registration is not None:
            console.print(f"  {status.id} is off by {status.registration}", markup=False, highlight=False)
    told = pipeline.reprocessing
    if told.rows_used or told.rows_too_old:
        console.print(f"  late: {told.rows_used:,} rows put where they belong in {told.replays:,} replays")
    return 0


def _write_whole(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".part")
    with _writing(path):
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def simulate(
    scenario: str | None, seed: int, duration_s: float | None, output: Path | None, names_only: bool, console: Console
) -> int:
    from lowsky.simulate import list_scenarios, scenario_sha256
    from lowsky.simulate import simulate as run_scenario

    if names_only:
        out = Console(highlight=False, markup=False, emoji=False)
        for name, description in list_scenarios():
            out.print(f"{name:17} {description}", soft_wrap=True)
        return 0
    if scenario is None or output is None:
        missing = "SCENARIO" if scenario is None else "-o DIR"
        raise ConfigError([Fault("lowsky simulate", f"no {missing}", "lowsky simulate SCENARIO -o DIR, or --list")])
    if duration_s is not None and not 0 < duration_s < 7 * 86_400:
        raise ConfigError([Fault("--duration", f"{duration_s:g}", "seconds, more than 0 and less than a week")])
    if output.exists() and not output.is_dir():
        raise ConfigError([Fault(str(output), "a file", "a folder, or a name for one")])
    with progress(console, f"Simulating {scenario}"):
        made = run_scenario(scenario, seed=seed, duration_s=duration_s)
    with _writing(output):
        output.mkdir(parents=True, exist_ok=True)
    _write_whole(output / "site.toml", made.site_toml.encode())
    for name in ("measurements", "truth"):
        frame = getattr(made, name)
        beside = output / f"{name}.parquet.part"
        facts = {
            "lowsky.origin": "simulated", "lowsky.scenario": scenario, "lowsky.seed": str(seed),
            "lowsky.scenario_sha256": scenario_sha256(scenario),
            **({} if duration_s is None else {"lowsky.duration_s": repr(duration_s)}),
        }  # fmt: skip
        with _writing(output / f"{name}.parquet"):
            try:
                frame.write_parquet(beside, compression="zstd", metadata=facts)
                beside.replace(output / f"{name}.parquet")
            finally:
                beside.unlink(missing_ok=True)
    console.print(
        f"{output}: {len(made.measurements):,} measurements, {len(made.truth):,} rows of truth, seed {seed} (simulated)"
    )
    return 0


def evaluate(
    pairs: list[tuple[Path, Path]],
    output: Path | None,
    json: Path | None,
    site: Path | None,
    reference: bool,
    figures: Path | None,
    console: Console,
) -> int:
    """One run, or several: then one page of means and intervals."""
    from lowsky.engine.reference import reference_of
    from lowsky.evaluate import evaluate as score
    from lowsky.evaluate import several

    writable(output, json)
    if figures is not None and len(pairs) > 1:
        raise ConfigError([Fault("--figures", f"{len(pairs)} runs", "one run")])
    place = None if site is None else read_site(site)
    reports = []
    with progress(console, "Scoring") as note:
        for tracks, truth in pairs:
            told = reference_of(truth) if reference else None
            reports.append(score(tracks, truth, site=place, reference=told))
            note(f"{len(reports)} of {len(pairs)} runs")
    report = reports[0] if len(reports) == 1 else several(reports)
    if output is not None:
        with _writing(output):
            report.to_html(output)
    if json is not None:
        _write_whole(json, json_text.dumps(report.metrics, indent=2, allow_nan=False).encode())
    Console(highlight=False, markup=False, emoji=False).print(report.summary())
    if figures is not None:
        with _writing(figures):
            reports[0].to_figures(figures)
    return 0


def check(path: Path, console: Console) -> int:
    site_toml = read_text(path)
    site = parse_site(site_toml, path.name, path.parent)
    lost = [words for file in site.zone_files for words in file.lost]
    found = f"{len(lost)} faults in files of zones." if lost else "No faults."
    console.print(f"{site.name}: {len(site.sensors)} sensors, {len(site.feeds)} feeds. {found}")
    sensors = Table("sensor", "kind", "measures", "looks", "reaches", title="Sensors", title_justify="left")
    for sensor in site.sensors:
        sensors.add_row(sensor.id, sensor.kind, _measures(sensor), _looks(sensor), _reach(sensor))
    console.print(sensors)
    feeds = Table("feed", "for", "from", title="Feeds", title_justify="left")
    for feed in site.feeds:
        feeds.add_row(feed_named(feed.format).MANIFEST.title, feed.sensor, feed.source)
    console.print(feeds)
    if site.zones or site.zone_files or site.rules:
        print_zones(site, console)
    if site.outputs:
        outputs = Table("output", "tells", "how", title="Outputs", title_justify="left")
        for output in site.outputs:
            outputs.add_row(output.id, _tells(output), says(output))
        console.print(outputs)
    if site.exercise:
        console.print("An exercise: everything on every output says so.")
    lacks = missing_faults(site, site_toml, path.name)
    if lacks:
        raise ConfigError(lacks)
    return 2 if lost else 0


def _tells(output: Output) -> str:
    """Of which alerts."""
    which = "alerts" if len(output.priorities) == len(PRIORITIES) else f"{', '.join(output.priorities)} alerts"
    where = f" about {', '.join(output.zones)}" if output.zones else ""
    how = ", only the newest state once it is behind" if output.deliver == "latest" else ""
    return which + where + how + (", with operators' positions" if output.operator_positions else "")


def _measures(sensor: Sensor) -> str:
    if sensor.delivers == "tracks":
        return "tracks of its own"
    parts = (
        ("range", sensor.sigma_range_m, "m", 1.0),
        ("azimuth", sensor.sigma_azimuth_rad, "°", 180.0 / math.pi),
        ("elevation", sensor.sigma_elevation_rad, "°", 180.0 / math.pi),
        ("range rate", sensor.sigma_range_rate_mps, "m/s", 1.0),
    )
    said = [f"{name} ±{sigma * scale:.3g} {unit}" for name, sigma, unit, scale in parts if sigma is not None]
    return ", ".join(said) or "positions that objects report"


def _looks(sensor: Sensor) -> str:
    return "as reports come" if sensor.look_period_s is None else f"every {sensor.look_period_s:g} s"


def _reach(sensor: Sensor) -> str:
    if not math.isfinite(sensor.max_range_m):
        return "no limit given"
    start, end = (math.degrees(a) for a in sensor.azimuth_rad)
    around = "all round" if end - start >= 359.99 else f"{start:.0f}°–{end:.0f}°"
    return f"{sensor.min_range_m:g}–{sensor.max_range_m:g} m, {around}"
