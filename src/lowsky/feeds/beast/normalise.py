"""Beast bytes to measurements.

======================  ==============================  ==================================================
Message                 On the wire                     Here
======================  ==============================  ==================================================
DF17, DF18 TC 9-18, 20-22  CPR half, altitude           ``z[:, :3]``: position, height; see docs/feeds/beast.md
DF17, DF18 TC 5-8       CPR half, movement, track       position on the ground, velocity
DF17, DF18 TC 19/1, 2   velocity over the ground        ``z[:, 3:]``, a row of its own without position
TC 1-4, 28, 29, 31      callsign, category, quality     attributes and texts of the rows that follow
everything else         Mode A/C, Comm-B, all-call …    rejected: NOT_A_MEASUREMENT
======================  ==============================  ==================================================

One Beast frame is one record. Positions are kept across frames in ``lowsky.wire.adsb.receiver``.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from lowsky.errors import Truncated
from lowsky.feeds.files import pieces_of, with_faults
from lowsky.feeds.manifest import Manifest
from lowsky.geo.height import SIGMA_GEOID_M, SIGMA_PRESSURE_ALTITUDE_M
from lowsky.model.measurement import Reject
from lowsky.model.ports import Frame, Normalised
from lowsky.model.site import Sensor, Site
from lowsky.wire.adsb.beast import Split, Ticks, complete_length, split, times_from_counters
from lowsky.wire.adsb.receiver import Frames, Receiver, Setting, play, warm_up

SNIFF_FRAMES = 3


def looks_like_beast(head: bytes, name: str) -> bool:
    """True where the file begins with Beast frames and nothing else."""
    found = split(head[:4096])
    return head[:1] == b"\x1a" and found.broken == 0 and len(found.length) >= SNIFF_FRAMES


MANIFEST = Manifest(
    name="beast",
    title="Mode S and ADS-B in Beast frames, from a receiver (readsb, dump1090) or a recording",
    sensor_kinds=("cooperative",),
    sources=("tcp", "tcp-listen", "udp", "file"),
    cut=complete_length,
    sniff=looks_like_beast,
)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Beast has no options: where the receiver is and how far it hears stand with the sensor in the site file."""


class BeastReader:
    """The normaliser of a live stream: every frame of a read is taken as seen when the read arrived."""

    def __init__(self, setting: Setting) -> None:
        self._receiver = Receiver(setting)

    def __call__(self, frame: Frame) -> Normalised:
        """Whole Beast frames in order. Never raises: what is no frame is counted as MALFORMED or UNSUPPORTED, a
        frame without its end as TRUNCATED."""
        found = split(frame.payload)
        now_ns = np.full(len(found.length), frame.t_recv_ns, np.int64)
        result = self._receiver.step(Frames(found.length, found.payload, now_ns, now_ns))
        return with_faults(result, faults_of(found))


def faults_of(found: Split) -> Counter[Reject]:
    """What of a buffer was no frame we read."""
    return Counter(
        {
            reason: count
            for reason, count in (
                (Reject.MALFORMED, found.broken),
                (Reject.UNSUPPORTED, found.unknown),
                (Reject.TRUNCATED, found.cut_short),
            )
            if count
        }
    )


def setting_of(sensor: Sensor) -> Setting:
    return Setting.of(sensor, SIGMA_PRESSURE_ALTITUDE_M, SIGMA_GEOID_M)


def open_feed(config: Config, sensor: Sensor, site: Site) -> BeastReader:
    warm_up()
    return BeastReader(setting_of(sensor))


def read_file(path: Path, config: Config, sensor: Sensor, site: Site, start_ns: int | None) -> Iterator[Normalised]:
    """A recording of Beast bytes, plain or gzip, in batches of 50 ms.

    A frame's time is ``start_ns`` plus the advance of the receiver's counter since the first frame that has one.
    """
    receiver, faults = Receiver(setting_of(sensor)), Counter[Reject]()
    for result in play(receiver, _frames_of(path, start_ns or 0, faults)):
        yield with_faults(result, faults)
        faults.clear()
    if faults:
        yield Normalised((), faults.total(), Counter(faults), receiver.held)


def _frames_of(path: Path, start_ns: int, faults: Counter[Reject]) -> Iterator[Frames]:
    """The frames of a file with their times; what is no frame is added to ``faults``."""
    kept, ticks = b"", Ticks()
    try:
        for piece in pieces_of(path):
            data = kept + piece
            n = complete_length(data)
            kept = data[n:]
            yield _timed(split(data[:n]), start_ns, ticks, faults)
    except Truncated:
        faults[Reject.TRUNCATED] += 1
    yield _timed(split(kept), start_ns, ticks, faults)


def _timed(found: Split, start_ns: int, ticks: Ticks, faults: Counter[Reject]) -> Frames:
    faults.update(faults_of(found))
    times_ns = times_from_counters(found.counter, start_ns, ticks)
    return Frames(found.length, found.payload, times_ns, times_ns)
