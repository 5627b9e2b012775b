"""What the page is told as JSON: sensors, alerts, scene, time span. Built once for all clients, only on change."""

import hashlib
import math
import secrets
from typing import Any

import msgspec

from lowsky.engine.hub import Controls, Picture
from lowsky.model.status import DEGREES, Alert, DeskStatus, Registered, SensorStatus
from lowsky.warn.figures import AIM_FLOOD_SHARE, AIM_PER_WINDOW, AIM_SHARES, AIM_STALE, AIM_TOP_SHARE, Figures
from lowsky.wire.shown import shown

SENSORS_PERIOD_NS = 1_000_000_000
_SALT = secrets.token_bytes(16)  # masks are good for one run: they cannot be looked up


def masked(personal: str | None) -> str | None:
    """A stand-in for an operator's registration: the same while the node runs, of no use to anybody else."""
    if personal is None:
        return None
    return "operator-" + hashlib.blake2b(personal.encode(errors="replace"), key=_SALT, digest_size=4).hexdigest()


def _seconds(t_ns: int | None) -> float | None:
    return None if t_ns is None else t_ns / 1e9


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def sensor_facts(sensor: SensorStatus) -> dict[str, Any]:
    return {
        "id": shown(sensor.id),
        "kind": sensor.kind,
        "status": sensor.status,
        "latitude_deg": math.degrees(sensor.latitude_rad),
        "longitude_deg": math.degrees(sensor.longitude_rad),
        "height_m": float(sensor.height_m),
        "last_seen": _seconds(sensor.last_seen_ns),
        "rate_hz": round(float(sensor.rate_hz), 2),
        "detail": shown(sensor.detail, 200),
        "counts": sensor.counts,
        "latency_s": _finite(sensor.latency_s),
        "azimuth_deg": [math.degrees(a) for a in sensor.azimuth_rad],
        "max_range_m": _finite(sensor.max_range_m),
        "registration": None if sensor.registration is None else registration_facts(sensor.registration),
    }


def registration_facts(registered: Registered) -> dict[str, Any]:
    """Each error as [estimate, 1σ], null while it is not observable; ``text`` is the same in words."""

    def both(value: tuple[float, float] | None, unit: float, digits: int) -> list[float] | None:
        return None if value is None else [round(value[0] * unit, digits), round(value[1] * unit, digits)]

    return {
        "corrected": registered.corrected,
        "range_m": both(registered.range_m, 1.0, 2),
        "azimuth_deg": both(registered.azimuth_rad, DEGREES, 4),
        "elevation_deg": both(registered.elevation_rad, DEGREES, 4),
        "time_s": both(registered.time_s, 1.0, 4),
        "east_m": both(registered.east_m, 1.0, 2),
        "north_m": both(registered.north_m, 1.0, 2),
        "relative_to": registered.relative_to,
        "text": str(registered),
    }


def alert_facts(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "priority": alert.priority,
        "title": shown(alert.title, 200),
        "raised": _seconds(alert.raised_ns),
        "sensor": shown(alert.sensor),
        "track_id": alert.track_id,
        "why": shown(alert.why, 400),
        "rule": shown(alert.rule),
        "zones": [shown(zone) for zone in alert.zones],
        "track_ids": list(alert.track_ids),
        "checks": [
            {"what": shown(c.what), "value": _plain(c.value), "needs": _plain(c.needs), "unit": c.unit}
            for c in alert.checks
        ],
        "state": alert.state,
        "waits": alert.waits,
        "new_since": _seconds(alert.new_ns),
        "times": alert.times,
        "cleared": _seconds(alert.cleared_ns),
        "acknowledged": _seconds(alert.acknowledged_ns),
        "acknowledged_by": shown(alert.acknowledged_by),
        "acknowledged_seat": shown(alert.acknowledged_seat),
        "shelved_until": _seconds(alert.shelved_until_ns),
        "shelved_by": shown(alert.shelved_by),
        "shelf_reason": shown(alert.shelf_reason, 300),
        "escalation": alert.escalation,
        "notes": [
            {"time": _seconds(n.t_ns), "user": shown(n.user), "seat": shown(n.seat), "text": shown(n.text, 300)}
            for n in alert.notes
        ],
    }


def _plain(value: float | str | None) -> float | str | None:
    return shown(value) if isinstance(value, str) else _finite(value)


def waiting_facts(alerts: tuple[Alert, ...]) -> dict[str, float]:
    """What there is to hear, for a page that looks back: what waits now, and since when the newest high or medium."""
    waiting = [alert for alert in alerts if alert.waits and alert.priority != "low"]
    high = [alert for alert in waiting if alert.priority == "high"]
    louder = sum(alert.escalation > 0 for alert in high)
    return {"high": len(high), "louder": louder, "newest": max((alert.new_ns / 1e9 for alert in waiting), default=0)}


def desk_facts(desk: DeskStatus) -> dict[str, Any]:
    return {
        "flood_since": _seconds(desk.flood_since_ns),
        "flood_alerts": desk.flood_alerts,
        "recent": desk.recent,
    }


def figures_facts(figures: Figures | None) -> dict[str, Any]:
    """The figures with what they should be."""
    aims = {
        "per_ten_minutes": AIM_PER_WINDOW,
        "flood_share": AIM_FLOOD_SHARE,
        "priority_share": AIM_SHARES,
        "stale": AIM_STALE,
        "top_source_share": AIM_TOP_SHARE,
    }
    if figures is None:
        return {"figures": None, "aims": aims}
    facts = msgspec.structs.asdict(figures)
    facts["time"] = facts.pop("t_ns") / 1e9
    facts["top_sources"] = [
        {"source": shown(source), "alerts": n, "share": round(share, 4)} for source, n, share in figures.top_sources
    ]
    return {"figures": facts, "aims": aims}


class StateText:
    """The state message of the newest picture; ``version`` counts its changes."""

    def __init__(self) -> None:
        self.version = self._zones = 0
        self.text = b"{}"
        self._picture: Picture | None = None

    def update(self, picture: Picture, controls: Controls, epoch: int) -> None:
        """Rebuild when alerts, scene, mode or a sensor's status changed; rates at most once a second."""
        old = self._picture
        if old is not None and not self._differs(old, picture):
            return
        self._picture = picture
        site = picture.site
        self.version += 1
        self._zones += old is not None and old.site is not site
        self.text = msgspec.json.encode(
            {
                "type": "state",
                "epoch": epoch,
                "mode": picture.mode,
                "site": {
                    "name": shown(site.name),
                    "latitude_deg": math.degrees(site.latitude_rad),
                    "longitude_deg": math.degrees(site.longitude_rad),
                    "height_m": float(site.height_m),
                    "exercise": site.exercise,
                },
                "t": picture.snapshot.t_ns / 1e9,
                "sensors": [sensor_facts(sensor) for sensor in picture.sensors],
                "alerts": [alert_facts(alert) for alert in newest_first(picture.alerts)],
                "desk": desk_facts(picture.desk),
                "zones": self._zones,  # counts their changes: who shows them asks again
                "scene": picture.scene,
                "scenes": controls.scenes(),
            }
        )

    def _differs(self, old: Picture, new: Picture) -> bool:
        if (old.epoch, old.mode, old.scene, old.desk) != (new.epoch, new.mode, new.scene, new.desk):
            return True
        if old.alerts != new.alerts:
            return True
        if old.site is not new.site or [s.status for s in old.sensors] != [s.status for s in new.sensors]:
            return True
        return abs(new.snapshot.t_ns - old.snapshot.t_ns) >= SENSORS_PERIOD_NS and old.sensors != new.sensors


def newest_first(alerts: tuple[Alert, ...]) -> list[Alert]:
    return sorted(alerts, key=lambda alert: (alert.raised_ns, alert.id), reverse=True)
