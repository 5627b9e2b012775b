"""Write some ticks of a recording as a recording of their own (FORMAT.md), finished and without a writer."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from lowsky.errors import RecordError
from lowsky.model.ports import Tick
from lowsky.record import finished
from lowsky.record.catalog import FORMAT, FORMAT_VERSION, HOUR_NS, Gap, Segment


def write_slice(
    ticks: Iterable[Tick], folder: Path, site_toml: str, version: str, gaps: Sequence[Gap] = ()
) -> list[Path]:
    """The segments written into ``folder``, which is there and empty. ``gaps`` count ``after_tick`` from the slice's
    first tick. Raises ``RecordError``."""
    meta = {"format": FORMAT, "format_version": FORMAT_VERSION, "site_toml": site_toml, "lowsky_version": version}
    paths: list[Path] = []
    first = 0
    for hour, of_hour in groupby(ticks, lambda tick: tick.t_ns // HOUR_NS):
        ticks_now = list(of_hour)
        last = first + len(ticks_now)
        name = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)).strftime("%Y%m%dT%H")
        path = Segment(len(paths) + 1, name, "parquet", folder).path
        here = [replace(gap, segment=len(paths) + 1, after_tick=gap.after_tick - first) for gap in gaps
                if first <= gap.after_tick < last]  # fmt: skip
        try:
            finished.write(path, ticks_now, meta, here)
        except (OSError, pa.ArrowException) as error:
            raise RecordError(f"{path}: cannot be written: {error}") from error
        paths.append(path)
        first = last
    return paths
