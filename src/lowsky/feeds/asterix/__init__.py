"""ASTERIX CAT048/034 of one radar, CAT062/065 of a tracker, CAT021 of an ADS-B station (docs/feeds/asterix.md)."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lowsky.errors import DecodeError
from lowsky.feeds.asterix.config import Config, edition_numbers
from lowsky.feeds.asterix.normalise import AsterixNormaliser
from lowsky.feeds.asterix.recorded import cut, frames_of_file, sniff
from lowsky.feeds.files import reject_of, through
from lowsky.feeds.manifest import Manifest
from lowsky.model.ports import Normalised, Normaliser
from lowsky.model.site import Sensor, Site

MANIFEST = Manifest(
    name="asterix",
    title="ASTERIX CAT048/034 radar plots, CAT062/065 system tracks, CAT021 ADS-B reports",
    sensor_kinds=("radar", "cooperative"),
    sources=("udp", "tcp", "tcp-listen", "file", "pcap"),
    cut=cut,
    sniff=sniff,
)


def open_feed(config: Config, sensor: Sensor, site: Site) -> Normaliser:
    return AsterixNormaliser(config, sensor)


def read_file(path: Path, config: Config, sensor: Sensor, site: Site, start_ns: int | None) -> Iterator[Normalised]:
    """A raw file of blocks or a capture (pcap, pcapng), plain or gzip.

    Captures have their own times. In a raw file the time of a block is the newest time of day so far;
    ``start_ns`` gives it the date of its first, None is 1970-01-01.
    """
    normaliser = open_feed(config, sensor, site)
    try:
        yield from through(normaliser, frames_of_file(path, edition_numbers(config), start_ns))
    except DecodeError as error:  # of the capture or the gzip file, not of a datagram
        yield Normalised((), records=1, rejected=Counter({reject_of(error): 1}))


__all__ = ["MANIFEST", "Config", "cut", "open_feed", "read_file", "sniff"]
