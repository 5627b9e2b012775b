"""One source and the feeds that listen to it: frames in, counted results out."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lowsky.errors import InvariantError
from lowsky.feeds.files import normalise
from lowsky.feeds.plan import PlannedFeed
from lowsky.feeds.switchboard import Switchboard
from lowsky.model.measurement import Reject
from lowsky.model.ports import Clock, Cut, Frame, Normalised, Normaliser
from lowsky.model.site import Site

LOG = logging.getLogger("lowsky.feeds")
Deliver = Callable[[int, Normalised, int], None]
"""feed index, what came of a frame, when it came"""
Save = Callable[[bytes], str]
"""bytes that showed a bug -> where they are kept"""


@dataclass(slots=True)
class _Listener:
    """One feed on the line, with its normaliser, which outlives reconnections."""

    planned: PlannedFeed
    normaliser: Normaliser
    unaccounted: int = 0  # records − measurements − rejects so far: must be what is held


class Line:
    """Hands every frame of its source to each of its feeds. It is the transport's ``Link``, too."""

    def __init__(
        self,
        feeds: Sequence[PlannedFeed],
        site: Site,
        clock: Clock,
        deliver: Deliver,
        save: Save,
        switchboard: Switchboard,
    ) -> None:
        self.source = feeds[0].source
        self._connection = feeds[0].connection
        self.clock = clock
        self.site = site
        self.frames = 0
        self._listeners = [_Listener(p, p.package.open_feed(p.config, p.sensor, site)) for p in feeds]
        self._deliver, self._save, self._switchboard = deliver, save, switchboard

    @property
    def planned(self) -> PlannedFeed:
        """The only feed of a played file, the first of a socket."""
        return self._listeners[0].planned

    @property
    def cut(self) -> Cut:
        cut: Cut = self.planned.package.MANIFEST.cut
        return cut

    def take(self, frame: Frame) -> None:
        """One frame through every feed. Raises ``InvariantError`` where one of them is broken."""
        self.frames += 1
        for listener in self._listeners:
            try:
                result = normalise(listener.normaliser, frame, listener.unaccounted)
            except Exception as error:
                raise self.bug(f"raised {type(error).__name__}: {error}", frame.payload, listener.planned) from error
            self._hand_on(listener, result, frame.t_recv_ns, frame.payload)

    def hand_on(self, result: Normalised, t_recv_ns: int) -> None:
        """A result of the played file."""
        self.frames += 1
        self._hand_on(self._listeners[0], result, t_recv_ns, b"")

    def _hand_on(self, listener: _Listener, result: Normalised, t_recv_ns: int, payload: bytes) -> None:
        rows = sum(len(batch) for batch in result.batches)
        listener.unaccounted += result.records - rows - result.rejected.total()
        if listener.unaccounted != result.held:
            lost = listener.unaccounted - result.held
            what = f"broke the sum law: {lost} records are neither measured, rejected nor held"
            raise self.bug(what, payload, listener.planned)
        self._switchboard.count(listener.planned, result, rows)
        self._deliver(listener.planned.index, result, t_recv_ns)

    def bug(self, what: str, payload: bytes, planned: PlannedFeed) -> InvariantError:
        """The error that ends the node, with the bytes kept."""
        return InvariantError(f"feed {planned.feed.format} from {self.source} {what}", self._save(payload))

    # -- what the transport says (``Link``) --------------------------------------------------------------------

    def up(self) -> None:
        self._switchboard.up(self._connection)

    def down(self, why: str) -> None:
        self._switchboard.down(self._connection, why)

    def lost(self, why: str) -> None:
        """The transport failed and will be opened again."""
        self._switchboard.error(self._connection)
        self._switchboard.down(self._connection, why)

    def ended(self) -> None:
        """The file was played to its end."""
        self._switchboard.ended(self._connection)

    def refused(self) -> None:
        self._switchboard.error(self._connection)

    def replaced(self, peer: str, silent_s: float) -> None:
        self._switchboard.error(self._connection)
        LOG.warning("%s: %s, silent for %.0f s, gave its place to a new sender", self.source, peer, silent_s)

    def overrun(self, dropped: bytes) -> None:
        t_ns = self.clock.now_ns()
        for listener in self._listeners:
            result = Normalised((), 1, Counter({Reject.MALFORMED: 1}), listener.unaccounted)
            self._hand_on(listener, result, t_ns, dropped)

    def lost_in_kernel(self, datagrams: int) -> None:
        self._switchboard.lost_datagrams(self._connection, datagrams)
