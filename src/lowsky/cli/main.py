"""``lowsky``: nine commands. Exit status 0 done, 1 the work failed, 2 the command line or a file was wrong.

Heavy imports wait until a command needs them, so that ``--help`` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

import lowsky
from lowsky.errors import ConfigError, Fault, LowskyError

WORK_FAILED, WRONG_INPUT = 1, 2
INTERRUPTED = 130

app = App(
    name="lowsky",
    version=lowsky.__version__,
    help="The open fusion node for the low sky: every sensor in, one honest picture out. It only sees and warns.",
    help_format="markdown",
    result_action="return_value",
)
# names of files and sensors go out as they are: "[/]" in them is no markup, ":bell:" no picture
stderr = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)

Port = Annotated[int, Parameter(help="Port of the map; 0 lets the system choose.")]


@app.command
def demo(*, port: Port = 8000, no_browser: Annotated[bool, Parameter(negative=())] = False, speed: float = 1.0) -> int:
    """Show the live map with recorded traffic and a simulated raid, from what is in the package.

    Example: `lowsky demo --port 8000`

    Parameters
    ----------
    no_browser
        Do not open a browser; only print the address.
    speed
        Times real time.
    """
    from lowsky.cli import live

    return live.demo(port=port, browser=not no_browser, speed=speed, say=stderr.print)


@app.command
def run(
    site: Path,
    *,
    record: Path | None = None,
    outbox: Path | None = None,
    exercise: Annotated[bool, Parameter(negative=())] = False,
    host: str = "127.0.0.1",
    port: Port = 8000,
) -> int:
    """The live system: every feed of the site file, one picture, served as a map.

    Example: `lowsky run harbour.toml --record recordings/`

    Parameters
    ----------
    site
        The site file (TOML).
    record
        Folder to record into; a start after a crash restores the picture from it.
    outbox
        Folder for what outputs have still to tell; the recording's where it is left out.
    exercise
        Mark everything on every output as an exercise, as `exercise = true` under `[site]` does.
    host
        Address to serve the map on. Other machines reach it only if you say so, e.g. 0.0.0.0.
    """
    from lowsky.cli import live

    return live.run(site, record=record, host=host, port=port, say=stderr.print, outbox=outbox, exercise=exercise)


@app.command
def replay(recording: Path, *, speed: str = "1", port: Port = 8000, host: str = "127.0.0.1") -> int:
    """The same picture again, from a recording.

    Example: `lowsky replay recordings/ --speed 4`

    Parameters
    ----------
    recording
        What `lowsky run --record` wrote.
    speed
        Times real time, or `max` for as fast as it goes.
    """
    from lowsky.cli import live

    return live.replay(recording, speed=speed, host=host, port=port, say=stderr.print)


@app.command
def track(
    site: Path,
    *inputs: str,
    output: Annotated[Path, Parameter(name=["-o", "--output"])],
    alerts: Path | None = None,
    settled: Path | None = None,
) -> int:
    """Track recorded data offline, as fast as it goes.

    Example: `lowsky track harbour.toml measurements.parquet -o tracks.parquet`

    Parameters
    ----------
    site
        The site file (TOML).
    inputs
        Recorded files in any format a feed reads. SENSOR=FILE says whose it is where that is not clear.
    output
        The track table (Parquet).
    alerts
        Also write the alerts, one JSON object a line.
    settled
        Also write the settled picture (Parquet): a track table of whole seconds in which measurements that came late,
        up to 30 s, are where they belong. The same rows give the same table, however late they came.
    """
    from lowsky.cli import offline

    return offline.track(site, inputs, output, alerts, settled, stderr)


@app.command
def simulate(
    scenario: str | None = None,
    *,
    seed: int = 0,
    duration: float | None = None,
    output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None,
    list_: Annotated[bool, Parameter(name="--list", negative=())] = False,
) -> int:
    """Write the site file, measurements and truth of a simulated scenario.

    Example: `lowsky simulate harbour-raid --seed 7 -o raid/`

    Parameters
    ----------
    scenario
        A scenario file (TOML) or a built-in name.
    seed
        The same seed gives the same tables.
    duration
        Seconds, where not the scenario's own.
    output
        Folder for `site.toml`, `measurements.parquet` and `truth.parquet`.
    list_
        Name the built-in scenarios.
    """
    from lowsky.cli import offline

    return offline.simulate(scenario, seed, duration, output, list_, stderr)


@app.command
def evaluate(
    tracks: Path,
    truth: Path,
    *more: Path,
    output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None,
    json: Path | None = None,
    site: Path | None = None,
    reference: bool = False,
    figures: Path | None = None,
) -> int:
    """Score tracks against truth.

    Example: `lowsky evaluate tracks.parquet truth.parquet -o report.html`

    Parameters
    ----------
    tracks
        What `lowsky track` wrote.
    truth
        The truth table (Parquet).
    more
        Further runs, tracks and truth by turns: then the report has means over the runs and their 95 % intervals.
    output
        One self-contained HTML report.
    json
        The same figures as JSON.
    site
        The site file: times also count from entering the coverage of a radar, and the map shows the sensors.
    reference
        Simulated truth only: draw beside it what a filter makes of the same plots that is told which are whose.
    figures
        A folder for every plot of one run as SVG and, where matplotlib is installed, PNG.
    """
    from lowsky.cli import offline

    if len(more) % 2:
        raise ConfigError([Fault("evaluate", f"{len(more) + 2} files", "tracks and truth by turns")])
    pairs = [(tracks, truth), *zip(more[::2], more[1::2], strict=True)]
    return offline.evaluate(pairs, output, json, site, reference, figures, stderr)


@app.command
def check(site: Path) -> int:
    """Read a site file, print every fault at once, and say what each sensor and feed will do.

    Example: `lowsky check harbour.toml`
    """
    from lowsky.cli import offline

    return offline.check(site, Console(highlight=False, markup=False, emoji=False))


@app.command
def export_incident(
    alert: int,
    *,
    recording: Path = Path("recordings"),
    output: Annotated[Path, Parameter(name=["-o", "--output"])],
) -> int:
    """One alert's evidence in one file: what was seen, what was done, and a report to read.

    Example: `lowsky export-incident 7 --recording recordings/ -o incident.zip`

    Parameters
    ----------
    alert
        Its number, as on the page and in `/api/alerts`.
    recording
        What `lowsky run --record` wrote; it may still be written.
    output
        The bundle (zip).
    """
    from lowsky.cli import incident

    return incident.export(alert, recording, output, stderr)


@app.command
def verify(bundle: Path, *, replay: Annotated[bool, Parameter(negative="--no-replay")] = True) -> int:
    """Is an evidence bundle unchanged, and does it replay to the same tracks and alerts? 0 yes, 1 no, 2 not a bundle.

    Example: `lowsky verify incident.zip`

    Parameters
    ----------
    bundle
        What `lowsky export-incident` wrote.
    replay
        `--no-replay` checks the parts alone, and runs nothing of what is in the file.
    """
    from lowsky.cli import incident

    return incident.verify(bundle, replay, stderr)


def _report(error: LowskyError) -> int:
    """One line per fault on stderr; never a traceback."""
    if isinstance(error, ConfigError):
        for fault in error.faults:
            stderr.print(str(fault), style="red")
        return WRONG_INPUT
    stderr.print(str(error), style="red")
    return WORK_FAILED


def main(arguments: list[str] | None = None) -> None:
    """Entry point; leaves through ``sys.exit`` with the command's status."""
    try:
        status = app(arguments, exit_on_error=False, print_error=True, help_on_error=False)
    except CycloptsError:
        status = WRONG_INPUT
    except LowskyError as error:
        status = _report(error)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        status = WORK_FAILED
    sys.exit(status if isinstance(status, int) else 0)
