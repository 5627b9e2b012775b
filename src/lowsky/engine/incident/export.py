"""Makes an evidence bundle out of a recording."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from lowsky.engine.config import parse_site
from lowsky.engine.incident.archive import MANIFEST, write_archive
from lowsky.engine.incident.find import LEAD_NS, Found, find
from lowsky.engine.incident.manifest import FORMAT, FORMAT_VERSION, About, Manifest, Span, canonical, chained
from lowsky.engine.incident.replaying import Replayed, clock, lines_of, pipeline_at, replay
from lowsky.engine.incident.report import report
from lowsky.engine.incident.site import LEFT_OUT, without_outputs
from lowsky.engine.incident.software import software
from lowsky.errors import InvariantError
from lowsky.model.ports import Tick
from lowsky.record.catalog import Gap
from lowsky.record.reader import Recording
from lowsky.record.slice import write_slice
from lowsky.wire.shown import shown

README = """An evidence bundle of lowsky: what was seen and done about one alert.

Read report.html in any browser; it needs no network.
lowsky verify FILE.zip     checks every part and replays the recording to the same tracks and alerts.

manifest.json lists every part with its SHA-256 in a chain; how to follow it without lowsky:
  chain = SHA-256 of the manifest without "entries" and "chain" (JSON, keys sorted, no spaces, UTF-8, one newline)
  then for each entry: chain = SHA-256 of chain, name, bytes, sha256 of the part, each followed by a newline
The last link stands for everything. Keep it where nobody can change it, apart from this file.

site.toml      the site file as it was in force (without outputs)
alert.json     the alert, its history and what people did
events.jsonl   every event of the slice, tracks.jsonl every track at each whole second
recording/     the measurements; state.bin, where it is there, is what the software knew before them
Serial numbers and operator positions in it are personal data: give it only to who may have them.
"""


def export_incident(recording: Recording, alert_id: int, output: Path, note: Callable[[str], None]) -> Manifest:
    """Write the bundle of one alert. The manifest that is in it. Raises ``LowskyError``."""
    site = parse_site(recording.site_toml, f"{recording.path}: site file")
    found = find(recording, site, alert_id, note)
    seen = _Seen(recording, found)
    replayed = replay(seen.ticks(), site, pipeline_at(site, found.state))
    _same_as_found(found, replayed)
    site_toml = without_outputs(recording.site_toml)
    gaps = _gaps_of(recording, seen)
    manifest = _head(recording, found, seen, gaps, is_whole=site_toml is None, is_exercise=site.exercise)
    facts = alert_facts(found, seen.to_ns)
    page = report(manifest, facts, replayed, site)
    with tempfile.TemporaryDirectory(prefix="lowsky-") as aside:
        text = recording.site_toml if site_toml is None else site_toml
        segments = write_slice(seen.again(), Path(aside), text, recording.version, gaps)
        parts: list[tuple[str, bytes | Path]] = [
            ("README.txt", README.encode()),
            ("report.html", page.encode()),
            ("site.toml", text.encode()),
            ("alert.json", canonical_facts(facts)),
            ("events.jsonl", lines_of(replayed.events)),
            ("tracks.jsonl", lines_of(replayed.rows)),
            *([] if found.state is None else [("state.bin", found.state)]),
            *((f"recording/{path.name}", path) for path in segments),
        ]
        manifest = chained(manifest, ((name, *_measured(content)) for name, content in parts))
        write_archive(output, [(MANIFEST, canonical(manifest)), *parts])
    return manifest


def canonical_facts(facts: dict[str, Any]) -> bytes:
    """The alert for people and programs: sorted, indented."""
    return msgspec.json.format(msgspec.json.encode(facts, order="sorted"), indent=1) + b"\n"


def _measured(content: bytes | Path) -> tuple[int, str]:
    found = content if isinstance(content, bytes) else content.read_bytes()
    return len(found), sha256(found).hexdigest()


class _Seen:
    """The slice's ticks, read twice; what the first time tells."""

    def __init__(self, recording: Recording, found: Found) -> None:
        self._recording, self._found = recording, found
        self.from_ns = self.to_ns = self.count = 0
        self.times: list[int] = []

    def again(self) -> Iterator[Tick]:
        return islice(self._recording.ticks(), self._found.first, self._found.last)

    def ticks(self) -> Iterator[Tick]:
        for tick in self.again():
            self.times.append(tick.t_ns)
            yield tick
        self.count = len(self.times)
        self.from_ns, self.to_ns = min(self.times), max(self.times)


def _same_as_found(found: Found, replayed: Replayed) -> None:
    """What the slice gives has to be what the whole recording gave. Raises ``InvariantError``."""

    def about(event: Any) -> bool:
        return found.alert.id in (getattr(event, "alert_id", None), getattr(event, "instead_of", None))

    again = [event for event in replayed.events if about(event)]
    if again != found.history[: len(again)] or not again:
        raise InvariantError(
            f"alert {found.alert.id}: the slice does not replay to what the recording gave; nothing written"
        )


def _gaps_of(recording: Recording, seen: _Seen) -> list[Gap]:
    """Of the slice, with their place in it."""
    here = [gap for gap in recording.gaps if gap.t_to_ns >= seen.from_ns and gap.t_from_ns <= seen.to_ns]
    return [replace(gap, after_tick=sum(t_ns < gap.t_from_ns for t_ns in seen.times)) for gap in here]


def _head(
    recording: Recording, found: Found, seen: _Seen, gaps: list[Gap], is_whole: bool, is_exercise: bool
) -> Manifest:
    remarks = []
    if found.is_open and not found.is_cut:
        remarks.append("the incident was still open where the recording ended, or had been read to")
    if found.is_cut:
        remarks.append(f"the slice is cut at {clock(seen.to_ns)} UTC, for its size; the situation lasted longer")
    if found.state is None and found.raised_ns - seen.from_ns < LEAD_NS:
        remarks.append("the recording begins shortly before the alert; nothing is known of the time before")
    for gap in gaps:
        remarks.append(
            f"{gap.ticks:,} ticks with {gap.measurements:,} measurements were lost from {clock(gap.t_from_ns)} to "
            f"{clock(gap.t_to_ns)} UTC: {gap.cause}"
        )
    remarks += [f"the recording cannot be read whole: {fault}" for fault in recording.faults]
    left_out = list(LEFT_OUT[1:] if is_whole else LEFT_OUT)
    left_out.append("bytes as they came from sensors: the recording holds what was made of them, before any tracking")
    alert = found.alert
    return Manifest(
        format=FORMAT, format_version=FORMAT_VERSION, site=shown(_name(recording), 200) or "", is_exercise=is_exercise,
        recorded_with=shown(recording.version, 60) or "", software=software(),
        alert=About(
            id=alert.id, title=shown(alert.title, 300) or "", priority=alert.priority, state=_state(found),
            raised_ns=found.raised_ns, cleared_ns=found.cleared_ns,
        ),
        slice=Span(from_ns=seen.from_ns, to_ns=seen.to_ns, ticks=seen.count, has_state=found.state is not None),
        remarks=[shown(remark, 500) or "" for remark in remarks], left_out=left_out, entries=[], chain="0" * 64,
    )  # fmt: skip


def _name(recording: Recording) -> str:
    return parse_site(recording.site_toml).name


def _state(found: Found) -> str:
    if found.cleared_ns is None or found.alert.cleared_ns is not None:
        return found.alert.state
    return "cleared"


def alert_facts(found: Found, slice_to_ns: int) -> dict[str, Any]:
    """The alert, its history and what people did. Events behind the slice are told, and cannot be replayed."""
    alert = found.alert
    at_most = found.fullest or alert
    return {
        "alert": {**msgspec.to_builtins(alert), "state": _state(found), "cleared_ns": found.cleared_ns},
        "why": {"text": at_most.why, "rule": at_most.rule, "checks": msgspec.to_builtins(at_most.checks)},
        "classes": {str(number): msgspec.to_builtins(why) for number, why in sorted(found.classes.items())},
        "track_ids": sorted(found.track_ids),
        "history": [
            {**msgspec.to_builtins(event), "is_in_slice": event.t_event_ns <= slice_to_ns} for event in found.history
        ],
        "actions": [msgspec.to_builtins(action) for action in found.actions],
    }
