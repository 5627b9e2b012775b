"""The report of a bundle: one page that anybody can read, without a network and without a script."""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from lowsky.constants import SECOND_NS
from lowsky.engine.incident.charts import charts
from lowsky.engine.incident.manifest import Manifest
from lowsky.engine.incident.replaying import Replayed, Row, clock
from lowsky.evaluate.page import document, panel, table, tile
from lowsky.model.site import Site
from lowsky.wire.shown import shown

MOST_LINES = 200  # of the timeline; the bundle's files have all
TOLD = (
    "AlertRaised", "AlertRaisedHigher", "AlertCleared", "AlertAcknowledged", "AlertShelved", "AlertUnshelved",
    "AlertNoted", "AlertEscalated", "AlertClosed", "ActionRefused", "SensorUp", "SensorDegraded", "SensorDown",
    "ZonePut", "ZoneRemoved", "FloodBegan", "FloodEnded", "ClaimContradicted",
)  # fmt: skip
WORDS = {
    "AlertRaised": "alert raised", "AlertRaisedHigher": "more urgent", "AlertCleared": "situation over",
    "AlertAcknowledged": "acknowledged", "AlertShelved": "shelved", "AlertUnshelved": "counts again",
    "AlertNoted": "note", "AlertEscalated": "nobody answered: louder", "AlertClosed": "left the desk unacknowledged",
    "ActionRefused": "refused", "SensorUp": "sensor well", "SensorDegraded": "sensor degraded",
    "SensorDown": "sensor down",
    "ZonePut": "zone put", "ZoneRemoved": "zone taken away", "FloodBegan": "flood began", "FloodEnded": "flood ended",
    "ClaimContradicted": "identity contradicted", "TrackConfirmed": "track confirmed", "TrackCoasting": "not seen",
    "TrackDropped": "track lost",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Story:
    """What the page is made of. ``rows`` by track, in order of time."""

    manifest: Manifest
    facts: dict[str, Any]
    replayed: Replayed
    site: Site
    rows: dict[int, list[Row]]

    @property
    def of_incident(self) -> list[int]:
        """Tracks of the alert of which there is a row; the one that was followed longest first."""
        ids = [number for number in self.facts["track_ids"] if number in self.rows]
        return sorted(ids, key=lambda number: (-len(self.rows[number]), number))


def report(manifest: Manifest, facts: dict[str, Any], replayed: Replayed, site: Site) -> str:
    """The whole page as text."""
    rows: dict[int, list[Row]] = {}
    for row in replayed.rows:
        rows.setdefault(row.id, []).append(row)
    story = Story(manifest, facts, replayed, replayed.zones or site, rows)
    drawn = charts(story)
    body = (
        _header(story)
        + _tiles(story)
        + "".join(f'<div class="plots wide">{panel(figure)}</div>' for figure in drawn[:1])
        + '<div class="plots">' + _why(story) + _evidence(story) + "</div>"
        + '<div class="plots wide">' + _actions(story) + "</div>"
        + "<h2>Over time</h2><p>Seconds from the beginning of the slice. The grey line is the moment of the alert; "
        "shaded is what is known with 95 %.</p>"
        + f'<div class="plots">{"".join(panel(figure) for figure in drawn[1:])}</div>'
        + "<h2>What happened</h2><p>Times are UTC.</p>"
        + '<div class="plots wide">' + _timeline(story) + "</div>"
        + '<div class="plots">' + _objects(story) + _not_seen(story) + "</div>"
        + _fine_print(manifest)
    )  # fmt: skip
    return document(f"lowsky: alert {manifest.alert.id}", body)


def moment(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns // SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _header(story: Story) -> str:
    about = story.manifest.alert
    badges = [f'<span class="badge origin">{escape(about.priority)}</span>']
    if story.manifest.is_exercise:
        badges.append('<span class="badge doubt">EXERCISE: nothing of it is real</span>')
    badges += [f'<span class="badge">{escape(text)}</span>' for text in (about.state, f"site {story.manifest.site}")]
    remarks = "".join(f'<p><span class="badge doubt">note</span> {escape(text)}</p>' for text in story.manifest.remarks)
    return (
        f"<header><h1>Alert {about.id}: {escape(about.title)}</h1>"
        f'<div class="badges">{"".join(badges)}</div><p>{moment(about.raised_ns)}</p>{remarks}</header>'
    )


def _tiles(story: Story) -> str:
    about, seen = story.manifest.alert, story.of_incident
    acknowledged = next((e for e in story.facts["history"] if e["type"] == "AlertAcknowledged"), None)
    lasted = "still open" if about.cleared_ns is None else f"{(about.cleared_ns - about.raised_ns) / 1e9:,.0f}"
    after = "nobody" if acknowledged is None else f"{(acknowledged['t_event_ns'] - about.raised_ns) / 1e9:,.0f}"
    by = "has acknowledged it" if acknowledged is None else f"by {shown(acknowledged['user'])}"
    slice_ = story.manifest.slice
    return (
        '<div class="figures">'
        + tile("Raised", clock(about.raised_ns), "UTC", moment(about.raised_ns)[:10])
        + tile("Lasted", lasted, "" if about.cleared_ns is None else "s", "its situation")
        + tile("Acknowledged after", after, "" if acknowledged is None else "s", by)
        + tile("Objects", f"{len(seen)}", "", "tracks that satisfied the rule")
        + tile("Recording", f"{(slice_.to_ns - slice_.from_ns) / 1e9:,.0f}", "s", f"from {clock(slice_.from_ns)} UTC")
        + "</div>"
    )


def _why(story: Story) -> str:
    why = story.facts["why"]
    rows = []
    for check in why["checks"]:
        value, needs = (_number(check.get(key)) for key in ("value", "needs"))
        rows.append([shown(check["what"]) or "", f"{value} {check.get('unit') or ''}".strip(), needs])
    title = f"Why: rule “{shown(why['rule'])}”" if why["rule"] else "Why"
    note = shown(why["text"] or story.facts["history"][0]["cause"], 600) or ""
    return table(title, ["what was looked at", "found", "asked for"], rows, "second-is-text", note)


def _evidence(story: Story) -> str:
    """What the class of the first object rested on when the alert was most urgent, in decibans."""
    if not story.facts["classes"]:
        return ""
    number, why = next(iter(story.facts["classes"].items()))
    rows = [["before anything was seen", f"{why['prior_db']:+.1f}"]]
    rows += [[kind, f"{value:+.1f}"] for kind, value in why["by_kind_db"].items()]
    rows.append(["together", f"{why['odds_db']:+.1f}"])
    head = [
        f"{why['named']} ({why['probability']:.3f}) against {why['rival']} ({why['rival_probability']:.3f})",
        "decibans",
    ]
    rests = ", ".join(why["rests_on"])
    note = "10 decibans are odds of 10 to 1. " + (
        f"Without {rests} something else would have been named." if rests else "No single kind of evidence decides it."
    )
    return table(f"Why T{number} was taken for what it was", head, rows, "", note)


def _number(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "–"
    return f"{value:,.3g}" if isinstance(value, float) else shown(str(value)) or ""


def _actions(story: Story) -> str:
    rows = [
        [clock(a["t_ns"]), shown(a["what"]) or "", f"{shown(a['user'])} {shown(a.get('seat', '')) or ''}".strip(),
         shown(a.get("text", ""), 300) or ""]
        for a in story.facts["actions"]
    ]  # fmt: skip
    note = "" if rows else "Nobody has done anything with this alert in the recording."
    return table("What people did", ["UTC", "what", "who, seat", "said"], rows, "all-text", note)


def _timeline(story: Story) -> str:
    its = set(story.of_incident)
    events = {e.seq: e for e in story.replayed.events if type(e).__name__ in TOLD}
    events |= {
        e.seq: e for e in story.replayed.events
        if type(e).__name__ in WORDS and getattr(e, "track_id", None) in its
    }  # fmt: skip
    told = [
        [clock(e.t_event_ns), WORDS[type(e).__name__], _of_what(e), shown(e.cause, 300) or ""]
        for _, e in sorted(events.items())
    ]
    later = [e for e in story.facts["history"] if not e["is_in_slice"]]
    told += [
        [
            clock(e["t_event_ns"]),
            WORDS.get(e["type"], e["type"]),
            "alert, behind the slice",
            shown(e["cause"], 300) or "",
        ]
        for e in later
    ]
    note = f"{len(told) - MOST_LINES:,} more are in events.jsonl." if len(told) > MOST_LINES else ""
    return table("Events", ["UTC", "what", "of", "cause"], told[:MOST_LINES], "all-text", note)


def _of_what(event: Any) -> str:
    if (number := getattr(event, "alert_id", None)) is not None:
        user = getattr(event, "user", None)
        return f"alert {number}" + (f" by {shown(user)}" if user else "")
    if (number := getattr(event, "track_id", None)) is not None:
        return f"T{number}"
    return shown(getattr(event, "sensor", None) or getattr(event, "zone_id", None) or "") or ""


def _objects(story: Story) -> str:
    rows = []
    for number in story.of_incident[:20]:
        of_it = story.rows[number]
        likely = max(of_it[-1].classes.items(), key=lambda item: item[1], default=("unknown", 0.0))
        sensors = sorted({name for row in of_it for name in row.sensors})
        rows.append([
            f"T{number}", f"{clock(of_it[0].t_ns)} – {clock(of_it[-1].t_ns)}", f"{likely[0]} {100 * likely[1]:.0f} %",
            ", ".join(shown(name) or "" for name in sensors), shown(of_it[-1].identity) or "none",
        ])  # fmt: skip
    head = ["track", "in the slice", "last taken for", "seen by", "identity it declares"]
    note = "" if rows else "No object belongs to this alert."
    return table("Objects of the incident", head, rows, "all-text", note)


def _not_seen(story: Story) -> str:
    """Sensors that were not well, and those that never said anything: silence is shown."""
    rows, changes = [], story.replayed.sensors
    for sensor in story.site.sensors:
        spells: list[str] = []
        for k, (t_ns, statuses) in enumerate(changes):
            status, before = statuses.get(sensor.id, "?"), changes[k - 1][1].get(sensor.id) if k else None
            if status != before:
                spells.append(f"{status} {clock(t_ns)}")
        is_well = len(spells) == 1 and spells[0].startswith("ok")
        if not is_well:
            rows.append([shown(sensor.id) or "", "; ".join(spells[:12]) or "nothing is known"])
    note = "Where no sensor that is well looks, nothing here says that nothing was there."
    if not rows:
        note = f"All {len(story.site.sensors)} sensors were well from beginning to end. {note}"
    return table("What may not have been seen", ["sensor", "status, from (UTC)"], rows, "all-text", note)


def _fine_print(manifest: Manifest) -> str:
    software = ", ".join(f"{escape(name)} {escape(version)}" for name, version in sorted(manifest.software.items()))
    left_out = "".join(f"<p>Left out: {escape(what)}.</p>" for what in manifest.left_out)
    return (
        '<section class="fine">'
        "<p>This page is made from the replay of the recording in the same file; <b>lowsky verify</b> makes the replay "
        "again and compares it with events.jsonl and tracks.jsonl. The page itself is covered by the chain of hashes, "
        "and by that alone.</p>"
        "<p>Probabilities and regions are what the software held possible then. Heights are above the WGS-84 "
        "ellipsoid. Identities are what objects declare of themselves.</p>"
        f"{left_out}<p>Recorded with lowsky {escape(manifest.recorded_with)}; made with {software}.</p></section>"
    )
