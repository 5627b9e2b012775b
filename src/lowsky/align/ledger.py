"""Every record is accounted for: what went in, what came out, what was refused, what waits."""

from collections import Counter, deque
from dataclasses import dataclass, field

from lowsky.constants import SECOND_NS
from lowsky.model.measurement import Reject
from lowsky.model.ports import Normalised

RECENT_NS = 10 * SECOND_NS  # what "now" means for a sensor's condition
LATE_SHARE = 0.05  # more late rows than this: the site's latency_s does not fit the sensor
REASONS = 4  # accepted, LATE, FUTURE, OVERFLOW


@dataclass(slots=True)
class Ledger:
    """Of one sensor. ``records = measurements + Σ rejected + held``, after every call of the funnel."""

    records: int = 0
    measurements: int = 0  # rows let go
    waiting: int = 0  # rows in queues
    late: int = 0  # of the rows let go, those behind time: the pipeline puts them where they belong
    unused_looks: int = 0  # empty looks too late, from the future or dropped: no rows, so outside the sum
    rejected: Counter[Reject] = field(default_factory=Counter)
    held: dict[int, int] = field(default_factory=dict)  # by feed: records its normaliser keeps back now
    _recent: deque[tuple[int, Reject | None, int]] = field(default_factory=deque)

    def take(self, result: Normalised, feed: int) -> None:
        self.records += result.records
        self.rejected.update(result.rejected)
        self.held[feed] = result.held

    def reject(self, reason: Reject, rows: int, t_ns: int) -> None:
        self.rejected[reason] += rows
        self._note(reason, rows, t_ns)

    def accept(self, rows: int, t_ns: int) -> None:
        self.waiting += rows
        self._note(None, rows, t_ns)

    def release(self, rows: int) -> None:
        self.waiting -= rows
        self.measurements += rows

    def overflow(self, rows: int, t_ns: int) -> None:
        self.waiting -= rows
        self.reject(Reject.OVERFLOW, rows, t_ns)

    def _note(self, what: Reject | None, rows: int, t_ns: int) -> None:
        # one entry per reason and second, also where reasons alternate, so that the memory of ten seconds is bounded
        recent = self._recent
        for at in range(-1, -1 - min(len(recent), REASONS), -1):
            if recent[at][1] == what and recent[at][0] // SECOND_NS == t_ns // SECOND_NS:
                recent[at] = (t_ns, what, recent[at][2] + rows)
                break
        else:
            recent.append((t_ns, what, rows))
        while recent and (recent[0][0] < t_ns - RECENT_NS or len(recent) > 1000):
            recent.popleft()

    def condition(self, t_ns: int) -> str:
        """In words what of the last 10 s is not as it should be; "" when all is well."""
        sums: Counter[Reject | None] = Counter()
        for seen_ns, what, rows in self._recent:
            if seen_ns >= t_ns - RECENT_NS:
                sums[what] += rows
        said = []
        if n := sums[Reject.OVERFLOW]:
            said.append(f"{n} rows dropped: more comes than can be taken")
        if n := sums[Reject.FUTURE]:
            said.append(f"{n} rows from the future")
        if (n := sums[Reject.LATE]) > LATE_SHARE * sums.total():
            said.append(f"{n} rows too late")
        return "; ".join(said)

    def counts(self) -> dict[str, int]:
        """Totals under the names of ``SensorReport.counts``; reasons that never occurred are left out."""
        out = {
            "records": self.records,
            "measurements": self.measurements,
            "held": self.waiting + sum(self.held.values()),
        }
        out.update({reason.name: self.rejected[reason] for reason in Reject if self.rejected[reason]})
        if self.late:
            out["late"] = self.late
        if self.unused_looks:
            out["unused_looks"] = self.unused_looks
        return out
