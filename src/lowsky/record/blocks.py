"""What is written: blocks of ticks, and gaps where ticks were lost."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lowsky.constants import SECOND_NS
from lowsky.model.measurement import DIM
from lowsky.model.ports import Tick
from lowsky.model.zone import Zone
from lowsky.record.catalog import HOUR_NS
from lowsky.record.growing import MAX_RAW_BYTES, block_body
from lowsky.wire.columns import encode_tick

BLOCK_BYTES = 1 << 20  # before compression
INT64 = 2**63 - 1


@dataclass(slots=True)
class Loss:
    """Ticks that will never be written, of one stretch."""

    t_from_ns: int = 0
    t_to_ns: int = 0
    ticks: int = 0
    measurements: int = 0
    cause: str = ""

    def add(self, tick: Tick, cause: str) -> None:
        """Count one more. The first cause is kept: it is the one that began it."""
        t_ns = max(-INT64, min(INT64, tick.t_ns))  # a time beyond may be the very reason why it is lost
        if self.ticks == 0:
            self.t_from_ns = self.t_to_ns = t_ns
            self.cause = cause
        self.t_from_ns, self.t_to_ns = min(self.t_from_ns, t_ns), max(self.t_to_ns, t_ns)
        self.ticks += 1
        self.measurements += measurements_in(tick)


@dataclass(frozen=True, slots=True)
class Block:
    """About one second of ticks of one hour, encoded and compressed."""

    t_first_ns: int
    t_from_ns: int
    t_to_ns: int
    ticks: int
    measurements: int
    raw_bytes: int
    body: bytes


Item = Block | Loss


@dataclass(slots=True)
class _Filling:
    encoded: list[bytes] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    measurements: int = 0
    size: int = 0

    def is_full_for(self, t_ns: int, size: int) -> bool:
        first = self.times[0]
        return (
            not 0 <= t_ns - first < SECOND_NS or t_ns // HOUR_NS != first // HOUR_NS or self.size + size > BLOCK_BYTES
        )

    def block(self) -> Block:
        raw_bytes, body = block_body(self.encoded)
        times = self.times
        return Block(times[0], min(times), max(times), len(times), self.measurements, raw_bytes, body)


def items_of(ticks: Iterable[Tick]) -> Iterator[Item]:
    """The ticks in order as blocks. A tick that no block can hold is a loss of its own."""
    filling = _Filling()
    for tick in ticks:
        fault = ""
        try:
            encoded = encode_tick(tick)
            if len(encoded) > MAX_RAW_BYTES // 2:
                fault = "a tick larger than a recording takes"
        except (OverflowError, TypeError, ValueError) as error:
            fault = f"a tick that cannot be encoded: {error}"
        if filling.encoded and (fault or filling.is_full_for(tick.t_ns, len(encoded))):
            yield filling.block()
            filling = _Filling()
        if fault:
            loss = Loss()
            loss.add(tick, fault)
            yield loss
            continue
        filling.encoded.append(encoded)
        filling.times.append(tick.t_ns)
        filling.measurements += measurements_in(tick)
        filling.size += len(encoded)
    if filling.encoded:
        yield filling.block()


def measurements_in(tick: Tick) -> int:
    return len(tick.batch) if tick.batch is not None else 0


def _places(zone: Zone | None) -> int:
    return 0 if zone is None else len(zone.corners) + sum(map(len, zone.holes))


def size_of(tick: Tick) -> int:
    """About how many bytes the tick keeps in memory."""
    size = 200 + 300 * len(tick.reports) + sum(2_000 + 200 * _places(action.zone) for action in tick.actions)
    if tick.batch is not None:
        columns = 2 + 2 * DIM[tick.batch.kind] + len(tick.batch.attributes) + len(tick.batch.texts)
        size += 500 + 8 * columns * len(tick.batch)
    return size
