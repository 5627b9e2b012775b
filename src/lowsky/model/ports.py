"""The seams between stages: what ``engine`` plugs together."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from lowsky.model.measurement import MeasurementBatch, Reject
from lowsky.model.site import Sensor, Site
from lowsky.model.zone import Zone


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of one datagram, or one or more whole delimited messages, with the time they reached us."""

    t_recv_ns: int
    payload: bytes
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Normalised:
    """What a feed made of one frame.

    The sum law, checked by the contract tests and by the supervisor, over the life of one normaliser::

        Σ records = Σ measurements + Σ rejected + held

    ``held`` is how many records the normaliser keeps back *now* (waiting for their other half).
    """

    batches: Sequence[MeasurementBatch]
    records: int
    rejected: Counter[Reject] = field(default_factory=Counter)
    held: int = 0


class Normaliser(Protocol):
    """Bytes to measurements: no socket, no clock, the same frames give the same batches.

    Raises only ``DecodeError``; after one it can be called with the next frame.
    """

    def __call__(self, frame: Frame) -> Normalised: ...


class Feed(Protocol):
    """What a feed's package offers (a module satisfies it): see feeds/manifest.py."""

    MANIFEST: Any  # lowsky.feeds.manifest.Manifest
    Config: type[msgspec.Struct]  # frozen, unknown fields forbidden; the keys beside sensor, format, source

    @staticmethod
    def open_feed(config: Any, sensor: Sensor, site: Site) -> Normaliser: ...

    @staticmethod
    def read_file(path: Path, config: Any, sensor: Sensor, site: Site, start_ns: int | None) -> Iterator[Normalised]:
        """A recorded file through the same normaliser, in order, with the times of the recording.

        ``start_ns`` is the UTC of the file's first message where the file does not know it (raw ASTERIX,
        Beast counters); None means 1970-01-01. ``t_recv_ns`` of the batches is the time in the recording, by
        which a player paces them. Faults in the bytes are counted, never raised.
        """
        ...


Cut = Callable[[bytes | bytearray | memoryview], int]
"""Framing of a byte stream: how many leading bytes are whole messages (0: wait for more)."""


class Clock(Protocol):
    def now_ns(self) -> int: ...


class Transport(Protocol):
    def frames(self) -> AsyncIterator[Frame]: ...


class SensorReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the supervisor knows of a sensor's connection. Goes through ``align`` and is recorded like data.

    ``counts`` are totals since start: "records", "measurements", "held", "errors" and one key per Reject name.
    ``ended``: all its sources are files that were played to their end; nothing more will come. ``latency_s``,
    ``clock_s`` and ``degraded`` are completed by ``align``: median t_recv − t_meas, the interval in which the sensor's
    clock minus UTC must lie, and in words why what arrives is not all it should be ("" when it is).
    """

    sensor: str
    t_ns: int
    connected: bool
    detail: str = ""
    counts: dict[str, int] = {}
    ended: bool = False
    latency_s: float | None = None
    clock_s: tuple[float, float] | None = None
    degraded: str = ""


ACTIONS = ("acknowledge", "shelve", "unshelve", "note", "put-zone", "remove-zone")


class OperatorAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a person did with an alert or a zone. Goes through ``align`` and is recorded like data.

    ``key`` is the asker's own name for it: the same key again is the same action, asked for twice. ``t_ns`` is when it
    reached the node. ``text`` is the reason of shelving, or a note; ``limit_s`` how long it is shelved. ``raised_ns``:
    when the alert that is meant was raised, to the millisecond; None: whichever has the number. ``zone_id``: the zone
    that is meant, by its name over the API; ``zone``: what is put there. Names and texts are what people typed:
    bounded, without control characters, and never more than text.
    """

    key: str
    t_ns: int
    what: str  # of ACTIONS
    alert_id: int = 0
    user: str
    seat: str = ""
    text: str = ""
    limit_s: int = 0
    raised_ns: int | None = None
    zone_id: str = ""
    zone: Zone | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """One step of the stream behind ``align``: time moves to ``t_ns``; ``batch`` None is time passing. ``actions`` have
    a tick of their own, at the newest moment of the stream: people act, and no time passes."""

    t_ns: int
    batch: MeasurementBatch | None = None
    reports: tuple[SensorReport, ...] = ()
    actions: tuple[OperatorAction, ...] = ()
