"""How urgent, how severe, how certain: CAP's three words from priority, time to the zone and probability.

docs/outputs.md has the table for users. Nothing is ever called "Extreme": no sensor knows what would come of it.
"""

from dataclasses import dataclass

from lowsky.model.occurrence import Occurrence

IMMEDIATE_S = 60.0  # to the zone: who is to act has no time for anything else
SURE = 0.9  # that it is there, is what the rule watches for, and is in the zone
LIKELY = 0.5  # CAP 1.2: "p > ~50 %"
UNLIKELY = 0.05  # "p ~ 0"

SEVERITY = {"high": "Severe", "medium": "Moderate", "low": "Minor"}
URGENCY = {"high": "Immediate", "medium": "Expected", "low": "Future"}  # where no time is known


@dataclass(frozen=True, slots=True)
class Scale:
    urgency: str
    severity: str
    certainty: str


@dataclass(frozen=True, slots=True)
class Approach:
    """What the rule found of an object and its zone. None: not known."""

    zone: str
    in_s: float | None  # 0: it is in
    probability: float  # that it is, or gets, in


def approach_of(told: Occurrence) -> Approach | None:
    """None where the rule asks for no zone."""
    values = {check.what: check.value for check in told.checks}
    inside = values.get("in zone")
    if isinstance(inside, str):
        return Approach(inside, 0.0, 1.0)
    for what, value in values.items():
        if what.startswith("enters ") and isinstance(value, float | int):
            within = values.get("within")
            return Approach(
                what.removeprefix("enters "), float(within) if isinstance(within, float | int) else None, float(value)
            )
    return None


def scale(told: Occurrence) -> Scale:
    if not told.is_open:
        return Scale("Past", SEVERITY.get(told.priority, "Unknown"), "Observed")
    severity = SEVERITY.get(told.priority, "Unknown")
    if told.sensor is not None:
        return Scale("Expected", severity, "Observed")
    approach = approach_of(told)
    return Scale(_urgency(told, approach), severity, _certainty(told, approach))


def _urgency(told: Occurrence, approach: Approach | None) -> str:
    if approach is None or approach.in_s is None:
        return URGENCY.get(told.priority, "Unknown")
    return "Immediate" if approach.in_s <= IMMEDIATE_S else "Expected"


def _certainty(told: Occurrence, approach: Approach | None) -> str:
    values = {check.what: check.value for check in told.checks if isinstance(check.value, float | int)}
    known = [value for what, value in values.items() if what == "existence" or what.startswith("class ")]
    if not known:
        return "Unknown"
    p = 1.0 if approach is None else approach.probability
    for value in known:
        p *= float(value)
    if p >= SURE and (approach is None or approach.in_s == 0.0):
        return "Observed"
    if p > LIKELY:
        return "Likely"
    return "Possible" if p > UNLIKELY else "Unlikely"
