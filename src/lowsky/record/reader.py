"""Read a recording: finished, growing, or being written by another process."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from lowsky.errors import RecordError
from lowsky.model.ports import OperatorAction, Tick
from lowsky.record import catalog, growing
from lowsky.record.catalog import FORMAT, FORMAT_VERSION, Gap, Segment
from lowsky.record.finished import FinishedSegment


class Recording:
    """The ticks of a folder or of one segment file.

    Attributes
    ----------
    site_toml, version : str
        Site file and lowsky version of the newest readable segment when it was opened.
    span_ns : tuple of int or None
        Least and greatest time when it was opened, None while nothing has been committed.
    gaps : list of Gap
        Where ticks are known to be missing. Empty: the recording is complete.
    faults : list of str
        What could not be read, one line each. Grows while ``ticks`` runs into damage; nothing is skipped silently.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[str] = []
        self.gaps: list[Gap] = []
        self._spans: dict[int, tuple[int, int]] = {}
        self._only = None if path.is_dir() else catalog.segment_at(path)
        described: dict[str, str] = {}
        found = self._segments()
        self._newest = found[-1].number if found else 0  # may grow on; the span of the others is final
        for segment in found:
            try:
                described = self._learn(segment)
            except RecordError as error:
                self._note(error, is_newest=segment is found[-1])
        if not described:
            why = "; ".join(self.faults) or "no segment in it"
            raise RecordError(f"{path}: not a recording that can be read ({why})")
        self.site_toml, self.version = described.get("site_toml", ""), described.get("lowsky_version", "")
        spans = self._spans.values()
        self.span_ns = (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None

    def ticks(self, from_ns: int | None = None) -> Iterator[Tick]:
        """Every tick in the order and the bytes it was recorded, those committed meanwhile too.

        With ``from_ns``, from the first tick at or after that time on. Never raises for damage: see ``faults``.
        """
        last = 0
        while batch := self._segments(after=last):
            for segment in batch:
                last = segment.number
                if from_ns is not None and last < self._newest and self._spans.get(last, (0, from_ns))[1] < from_ns:
                    continue
                try:
                    for tick in self._ticks_of(segment, from_ns):
                        if from_ns is None or tick.t_ns >= from_ns:
                            from_ns = None
                            yield tick
                except RecordError as error:
                    self._note(error, is_newest=segment is batch[-1])

    def ticks_after(self, segment: int, tick: int) -> Iterator[Tick]:
        """Every tick behind the ``tick``-th of a segment, whatever their times say (a clock may have been set back).
        Damage is as in ``ticks``."""
        last = segment - 1
        while batch := self._segments(after=last):
            for found in batch:
                last = found.number
                try:
                    yield from self._ticks_of(found, None, tick if last == segment else 0)
                except RecordError as error:
                    self._note(error, is_newest=found is batch[-1])

    def actions(self, until_ns: int | None = None) -> Iterator[OperatorAction]:
        """What people did before a time, in order; quick where segments are finished. Damage is as in ``ticks``."""
        for segment in self._segments():
            if until_ns is not None and self._spans.get(segment.number, (0, 0))[0] >= until_ns:
                continue
            segment = _form_that_is_there(segment)
            try:
                if segment.form == "parquet":
                    with FinishedSegment(segment.path) as file:
                        yield from file.actions(until_ns)
                    continue
                for tick in self._ticks_of(segment, None):
                    if until_ns is None or tick.t_ns < until_ns:
                        yield from tick.actions
            except RecordError as error:
                self._note(error, is_newest=segment.number >= self._newest)

    def _note(self, error: RecordError, is_newest: bool) -> None:
        if is_newest and isinstance(error, growing.Unborn):
            return  # its writer is just making it, or was killed while it did
        if str(error) not in self.faults:
            self.faults.append(str(error))

    def _segments(self, after: int = 0) -> list[Segment]:
        if self._only is not None:
            return [self._only] if self._only.number > after else []
        try:
            return catalog.segments(self.path, after)
        except OSError as error:
            raise RecordError(f"{self.path}: cannot be read: {error}") from error

    def _learn(self, segment: Segment) -> dict[str, str]:
        segment = _form_that_is_there(segment)
        if segment.form == "parquet":
            with FinishedSegment(segment.path) as file:
                described, span, gaps = file.meta, file.span_ns(), file.gaps(segment.number)
        else:
            described, span = growing.meta(segment.path), growing.span_ns(segment.path)
            try:
                gaps = growing.gaps(segment)
            except RecordError as error:  # torn: its ticks may be good up to the damage all the same
                gaps = []
                self._note(error, is_newest=False)
        if described.get("format") != FORMAT or described.get("format_version") != FORMAT_VERSION:
            found = f"{described.get('format')} version {described.get('format_version')}"
            raise RecordError(f"{segment.path}: is {found}; this lowsky reads {FORMAT} version {FORMAT_VERSION}")
        if span is not None:
            self._spans[segment.number] = span
        self.gaps += gaps
        return described

    def _ticks_of(self, segment: Segment, from_ns: int | None, skip: int = 0) -> Iterator[Tick]:
        segment = _form_that_is_there(segment)
        if segment.form == "sqlite":
            started = False
            try:
                with closing(growing.ticks(segment.path, from_ns, skip)) as ticks:
                    for tick in ticks:
                        started = True
                        yield tick
                return
            except RecordError:
                if started or _form_that_is_there(segment).form == "sqlite":
                    raise
        with FinishedSegment(segment.in_form("parquet").path) as file:
            yield from file.ticks(from_ns, skip)


def _form_that_is_there(segment: Segment) -> Segment:
    """The recorder may have compacted the segment since it was listed."""
    finished = segment.in_form("parquet")
    return finished if finished.path.exists() else segment


def open_recording(path: Path | str) -> Recording:
    """Open a recording's folder, or one segment of it. Raises ``RecordError``."""
    path = Path(path)
    if not path.is_dir() and (catalog.segment_at(path) is None or not path.exists()):
        raise RecordError(f"{path}: neither a recording's folder nor a segment of one")
    return Recording(path)
