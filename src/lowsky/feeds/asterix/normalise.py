"""Datagrams to batches: walks the blocks, keeps the account, hands runs of one category to their meaning."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from hashlib import blake2b

from lowsky.constants import SECOND_NS
from lowsky.feeds.asterix import fields, radar, reports
from lowsky.feeds.asterix.config import SIGNS, Config, edition_numbers
from lowsky.feeds.asterix.fields import ADSB, PLOTS, RADAR_STATUS, TRACK_STATUS, TRACKS, Scales, Table, Verdict
from lowsky.model.measurement import MeasurementBatch, MeasurementKind, Reject
from lowsky.model.ports import Frame, Normalised
from lowsky.model.site import Sensor
from lowsky.wire.asterix import columns
from lowsky.wire.asterix.columns import Blocks, decode_columns
from lowsky.wire.asterix.program import compile_program

REJECT_OF_STATUS = {
    columns.NOT_READ: Reject.UNSUPPORTED,
    columns.CUT_OFF: Reject.TRUNCATED,
    columns.BAD_LENGTH: Reject.MALFORMED,
    columns.RECORD_CUT_OFF: Reject.MALFORMED,
    columns.FSPEC_TOO_LONG: Reject.MALFORMED,
    columns.LAST_FX_SET: Reject.MALFORMED,
    columns.EXPLICIT_EMPTY: Reject.MALFORMED,
    columns.FSPEC_SPARE: Reject.UNSUPPORTED,  # these three: most likely another edition
    columns.ITEM_MISSING: Reject.UNSUPPORTED,
    columns.IMPLAUSIBLE: Reject.UNSUPPORTED,
}
SOURCE_SILENT_NS = 30 * SECOND_NS
"""After this long without the source it keeps to, a radar feed without SAC/SIC takes the next it hears: several turns
of any radar, so that one damaged datagram at the start does not deafen it for good."""
MAX_REMEMBERED = (
    65_536  # blocks whose digests are kept to know a duplicate by, about 10 MB; a flood pushes out the oldest
)

Meaning = Callable[[Table, int], tuple[list[MeasurementBatch], Counter[Reject]]]


class AsterixNormaliser:
    """One line's datagrams. A refused block counts as one record; in a good block each record is one.

    Never raises for any bytes: what is wrong with them is in ``rejected``, so the good blocks of a datagram count.
    """

    def __init__(self, config: Config, sensor: Sensor) -> None:
        chosen = edition_numbers(config)
        self._program = compile_program(fields.wants(chosen))
        self._scales = {want.edition.category: Scales(want) for want in self._program.wants}
        self._sensor = sensor
        self._source: tuple[int | None, int | None] = (config.sac, config.sic)
        self._keeps_to_first = sensor.measures is MeasurementKind.RADAR and self._source == (None, None)
        self._heard_ns = 0  # when the source it keeps to was last heard
        self._sign = SIGNS[config.doppler_positive]
        self._turn = radar.Turn(sensor)
        self._window_ns = round(config.duplicate_window_s * SECOND_NS)
        self._seen: OrderedDict[bytes, int] = OrderedDict()  # digest of a block -> when it came
        self._is_modern = reports.is_modern(chosen.get(ADSB, fields.DEFAULT_EDITIONS[ADSB]))
        self._meaning: dict[int, Meaning] = {
            PLOTS: self._plots,
            RADAR_STATUS: self._radar_status,
            TRACKS: self._tracks,
            TRACK_STATUS: self._track_status,
            ADSB: self._adsb,
        }
        decode_columns(self._program, b"")  # loads the compiled kernel now, not with the first datagram

    def __call__(self, frame: Frame) -> Normalised:
        blocks = decode_columns(self._program, frame.payload)
        batches: list[MeasurementBatch] = []
        rejected: Counter[Reject] = Counter()
        records = 0
        for category, first, count in self._runs(blocks, frame, rejected):
            table = Table(self._scales[category], blocks.rows[first : first + count])
            made, refused = self._meaning[category](table, frame.t_recv_ns)
            batches += made
            rejected.update(refused)
            records += count
        return Normalised(batches, records + self._refused, rejected)

    def _runs(self, blocks: Blocks, frame: Frame, rejected: Counter[Reject]) -> Iterator[tuple[int, int, int]]:
        """(category, first row, rows) of neighbouring good blocks of one category; the others into ``rejected``.

        Leaves the number of records it rejected in ``_refused``.
        """
        self._refused = 0
        category, first, count = -1, 0, 0
        for k, (status, next_category, n) in enumerate(
            zip(blocks.status.tolist(), blocks.category.tolist(), blocks.count.tolist())
        ):
            reason = REJECT_OF_STATUS.get(status)
            if reason is None and self._is_duplicate(blocks, k, frame):
                reason = Reject.DUPLICATE
            if reason is None and next_category == category:
                count += n
                continue
            if count:
                yield category, first, count
            category, first, count = (-1, 0, 0) if reason else (next_category, int(blocks.first[k]), n)
            if reason:
                refused = n if reason is Reject.DUPLICATE else 1
                rejected[reason] += refused
                self._refused += refused
        if count:
            yield category, first, count

    def _is_duplicate(self, blocks: Blocks, k: int, frame: Frame) -> bool:
        if not self._window_ns:
            return False
        start, now = int(blocks.offset[k]), frame.t_recv_ns
        block = blake2b(frame.payload[start : start + int(blocks.length[k])], digest_size=16).digest()
        while self._seen and (
            len(self._seen) >= MAX_REMEMBERED or now - next(iter(self._seen.values())) > self._window_ns
        ):
            self._seen.popitem(last=False)
        came = self._seen.get(block)
        self._seen.setdefault(block, now)
        return came is not None and abs(now - came) <= self._window_ns

    def _verdict(self, table: Table) -> Verdict:
        """Rows of other sources rejected."""
        verdict = Verdict.of(len(table))
        for codes, wanted in zip((table.raw("010/SAC"), table.raw("010/SIC")), self._source):
            if wanted is not None:
                verdict.reject(codes != wanted, Reject.OTHER_SOURCE)
        return verdict

    def _radar_verdict(self, table: Table, t_recv_ns: int) -> Verdict:
        """The same; without SAC/SIC in the config, other sources are all but the one it keeps to."""
        verdict = self._verdict(table)
        if not self._keeps_to_first:
            return verdict
        if self._source == (None, None) or not (
            verdict.good().any() or abs(t_recv_ns - self._heard_ns) <= SOURCE_SILENT_NS
        ):
            self._source = (int(table.raw("010/SAC")[0]), int(table.raw("010/SIC")[0]))
            self._turn = radar.Turn(self._sensor)
            verdict = self._verdict(table)
        if verdict.good().any():
            self._heard_ns = t_recv_ns
        return verdict

    def _fits(self, verdict: Verdict, kind: MeasurementKind) -> bool:
        """Whether the sensor measures in this kind; rejects every row where not."""
        if self._sensor.measures is kind:
            return True
        verdict.reject(verdict.good(), Reject.UNSUPPORTED)
        return False

    def _plots(self, table: Table, t_recv_ns: int) -> tuple[list[MeasurementBatch], Counter[Reject]]:
        verdict = self._radar_verdict(table, t_recv_ns)
        if not self._fits(verdict, MeasurementKind.RADAR):
            return [], verdict.counted()
        return radar.plots(table, self._turn, self._sensor, t_recv_ns, self._sign, verdict)

    def _radar_status(self, table: Table, t_recv_ns: int) -> tuple[list[MeasurementBatch], Counter[Reject]]:
        is_radar = self._sensor.measures is MeasurementKind.RADAR
        verdict = self._radar_verdict(table, t_recv_ns)
        made = radar.looks(table.take(verdict.good()), self._turn, t_recv_ns) if is_radar else []
        verdict.reject(verdict.good(), Reject.NOT_A_MEASUREMENT)
        return made, verdict.counted()

    def _tracks(self, table: Table, t_recv_ns: int) -> tuple[list[MeasurementBatch], Counter[Reject]]:
        verdict = self._verdict(table)
        if not self._fits(verdict, MeasurementKind.REPORT):
            return [], verdict.counted()
        return reports.tracks(table, self._sensor.id, t_recv_ns, verdict)

    def _track_status(self, table: Table, t_recv_ns: int) -> tuple[list[MeasurementBatch], Counter[Reject]]:
        verdict = self._verdict(table)
        verdict.reject(verdict.good(), Reject.NOT_A_MEASUREMENT)
        return [], verdict.counted()

    def _adsb(self, table: Table, t_recv_ns: int) -> tuple[list[MeasurementBatch], Counter[Reject]]:
        verdict = self._verdict(table)
        if not self._fits(verdict, MeasurementKind.REPORT):
            return [], verdict.counted()
        return reports.adsb(table, self._sensor.id, t_recv_ns, self._is_modern, verdict)
