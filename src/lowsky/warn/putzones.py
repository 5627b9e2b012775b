"""Zones that people put over the API while the node runs, and the site as it is with them."""

from collections.abc import Iterable

import msgspec

from lowsky.model.events import ActionRefused, Event, ZonePut, ZoneRemoved
from lowsky.model.ports import OperatorAction
from lowsky.model.site import Site
from lowsky.model.zone import OVER_API, Rule, Zone

ACTS = ("put-zone", "remove-zone")
MOST_PUT = 200  # at one time
PREFIX = f"{OVER_API}/"


class PutZones:
    """State is the zones. ``site`` is another object whenever they change, and never otherwise."""

    def __init__(self, site: Site) -> None:
        self._own = site
        self._zones: dict[str, Zone] = {}
        self.site = site

    def act(self, action: OperatorAction, t_ns: int) -> list[Event]:
        """What is so already changes nothing and is no fault."""
        own = PREFIX + action.zone_id
        refused = self._refusal(action, own)
        if refused is not None:
            why, cause = refused
            return [ActionRefused(seq=0, t_event_ns=t_ns, cause=cause, key=action.key, alert_id=0, why=why)]
        who = {"zone_id": own, "user": action.user, "seat": action.seat}
        zone = action.zone if action.what == "put-zone" else None
        if zone is None:
            del self._zones[own]
            self._change()
            return [ZoneRemoved(seq=0, t_event_ns=t_ns, cause=f"{action.user} took {own} away", **who)]
        before = self._zones.get(own)
        if before == zone:
            return []
        self._zones[own] = zone
        self._change()
        verb = "put" if before is None else "changed"
        return [ZonePut(seq=0, t_event_ns=t_ns, cause=f"{action.user} {verb} {own}: {described(zone)}", **who)]

    def _refusal(self, action: OperatorAction, own: str) -> tuple[str, str] | None:
        """Why not, in a word and in a sentence."""
        zone, is_there = action.zone, own in self._zones
        for other in self._own.zones:
            if other.id == action.zone_id and not is_there:
                where = f"the zone file {other.file}" if other.file else "the site file"
                return "impossible", f"{other.id} is of {where}: change it there and start the node again"
        if action.what == "remove-zone":
            return None if is_there else ("unknown", f"no zone {action.zone_id} was put over the API")
        if zone is None or zone.id != own or not zone.is_sound:
            return "impossible", "that is no zone"
        if len(self._zones) >= MOST_PUT and not is_there:
            return "impossible", f"{MOST_PUT} zones are there that were put over the API: take one away first"
        return None

    def _change(self) -> None:
        if not self._zones:
            self.site = self._own
            return
        rules = tuple(_resolved(rule, self._zones) for rule in self._own.rules)
        zones = (*self._own.zones, *(self._zones[name] for name in sorted(self._zones)))
        self.site = msgspec.structs.replace(self._own, zones=zones, rules=rules)

    def recall(self, actions: Iterable[OperatorAction]) -> None:
        """What was done before this pipeline began, in its order; everything but zones is passed over."""
        for action in actions:
            if action.what in ACTS:
                self.act(action, action.t_ns)

    def dump(self) -> list[Zone]:
        return list(self._zones.values())

    def load(self, zones: list[Zone]) -> None:
        self._zones = {zone.id: zone for zone in zones}
        self._change()


def _resolved(rule: Rule, zones: Iterable[str]) -> Rule:
    """ "api" stands for all of them, and itself stays: without any the rule is for nothing, and not for everywhere."""
    if OVER_API not in rule.zones:
        return rule
    return msgspec.structs.replace(rule, zones=tuple(dict.fromkeys((*rule.zones, *sorted(zones)))))


def described(zone: Zone) -> str:
    if zone.shape == "circle":
        return f"a circle of {zone.reach_m:,.0f} m"
    if zone.shape == "corridor":
        return f"a corridor {2.0 * zone.reach_m:,.0f} m wide"
    return f"a polygon of {len(zone.corners)} corners"
