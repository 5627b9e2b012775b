"""A whole feed in small: copy this folder to write your own. It is not installed; the tests register it.

The format is one line of text per report, ``TIME LATITUDE LONGITUDE``: seconds since 1970 UTC, degrees.

1.  ``MANIFEST`` says what the feed is (``lowsky.feeds.manifest``). Its ``cut`` finds the end of the last whole
    message in a byte stream, its ``sniff`` tells whether a recorded file is of this format.
2.  ``Config`` holds the feed's own keys of the site file. Frozen, unknown keys forbidden.
3.  ``open_feed`` returns a normaliser: bytes to measurements, no socket, no clock (``normalise.py``).
4.  ``read_file`` puts a recorded file through the same normaliser, for ``lowsky track`` and for players.
5.  Register the package in your own ``pyproject.toml`` and it is a ``format`` of the site file::

        [project.entry-points."lowsky.feeds"]
        my-format = "my_package.my_feed"

6.  Give the contract tests a few messages (``tests/feeds/NAME/mutate.py``) and write ``docs/feeds/NAME.md``.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from lowsky.feeds._template.normalise import MAX_LINE_BYTES, LineReader, cut_lines, looks_like_lines, time_of
from lowsky.feeds.files import normalise
from lowsky.feeds.manifest import Manifest
from lowsky.model.ports import Frame, Normalised
from lowsky.model.site import Sensor, Site

MANIFEST = Manifest(
    name="template",
    title="Lines of time, latitude and longitude",
    sensor_kinds=("cooperative",),
    sources=("udp", "tcp", "tcp-listen", "file"),
    cut=cut_lines,
    sniff=looks_like_lines,
)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``sigma_m``: one standard deviation of a reported position; the site file's where absent."""

    sigma_m: float | None = None


def open_feed(config: Config, sensor: Sensor, site: Site) -> LineReader:
    return LineReader(sensor.id, config.sigma_m)


def read_file(path: Path, config: Config, sensor: Sensor, site: Site, start_ns: int | None) -> Iterator[Normalised]:
    """Each line of the file as one frame, received when it says it was seen. ``start_ns`` is not needed."""
    reader = open_feed(config, sensor, site)
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            yield normalise(reader, Frame(time_of(line), line))
