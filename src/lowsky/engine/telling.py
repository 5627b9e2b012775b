"""Everything a node has to tell others: the teller, the outbox and a courier for each output, as one part."""

from collections.abc import Sequence
from pathlib import Path

from lowsky.engine.outputs import open_senders
from lowsky.engine.pipeline import Pipeline
from lowsky.engine.subjects import seen
from lowsky.engine.teller import Teller
from lowsky.model.events import Event
from lowsky.model.occurrence import Seen
from lowsky.model.output import OutputStatus
from lowsky.model.site import Site
from lowsky.model.status import Alert
from lowsky.model.track import TrackSnapshot
from lowsky.outputs.courier import Courier
from lowsky.outputs.outbox import Outbox
from lowsky.outputs.store import NAME

END_S = 2.0  # outputs are waited for so long at the end; what is under way then is sent again, as a repeat


class Telling:
    """Of one node; ``folder`` holds its outbox. Raises ``ConfigError``; ``RecordError`` where another node has it."""

    def __init__(self, site: Site, folder: Path) -> None:
        senders = open_senders(site)
        self._site = site
        self._with_operators = any(output.operator_positions for output in site.outputs)
        self._outbox = Outbox(folder / NAME, tuple(output.id for output in site.outputs))
        self._teller = Teller(site, self._outbox.series, self._outbox.last_number, self._outbox.recall())
        self._couriers = [Courier(output, self._outbox, sender) for output, sender in senders]

    def take(self, events: Sequence[Event], pipeline: Pipeline) -> None:
        """The events of one step, live or of the recording that a start replays. Never waits."""
        occurrences = self._teller.take(events, pipeline)
        if occurrences:
            self._outbox.put(occurrences)

    def start(self, pipeline: Pipeline) -> None:
        """Once the pipeline is restored."""
        self._outbox.put(self._teller.settle(pipeline))
        for courier in self._couriers:
            courier.start()

    def show(self, snapshot: TrackSnapshot, alerts: tuple[Alert, ...]) -> None:
        """The newest picture. What is sent is made of it in the threads of those who send it."""

        def see() -> Seen:
            return seen(snapshot, self._site, alerts, self._with_operators)

        for courier in self._couriers:
            if courier.shows:
                courier.show(see)

    def flush(self) -> bool:
        """Is all that was taken on disk? Called before a checkpoint is saved, which replays nothing older."""
        return self._outbox.flush()

    def trouble(self) -> str:
        """Of the outbox itself; empty while all is well."""
        return self._outbox.trouble

    def statuses(self) -> tuple[OutputStatus, ...]:
        return tuple(courier.status() for courier in self._couriers)

    def close(self) -> None:
        for courier in self._couriers:
            courier.stop()
        self._outbox.close()
        for courier in self._couriers:
            courier.join(END_S / max(1, len(self._couriers)))
