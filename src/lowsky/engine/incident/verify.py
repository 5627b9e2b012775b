"""Is a bundle what it says, and does its recording give the same tracks and alerts again?"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

import lowsky
from lowsky.engine.config import parse_site
from lowsky.engine.incident.archive import MANIFEST, SEGMENT, Archive, Damaged
from lowsky.engine.incident.manifest import Manifest, broken_link, read_manifest
from lowsky.engine.incident.replaying import compare_events, compare_rows, pipeline_at, read_events, read_rows, replay
from lowsky.engine.incident.site import names_files
from lowsky.errors import LowskyError
from lowsky.record.reader import open_recording
from lowsky.wire.shown import shown

Say = Callable[[str], Any]
FORGED = (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError)
"""What a state or a recording that somebody made up may cause inside the pipeline: said, like any other difference."""
NEEDED = ("site.toml", "events.jsonl", "tracks.jsonl", "alert.json")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``wrong``: the first thing that is not as it should be; None: all is. ``remarks``: said beside."""

    manifest: Manifest | None
    wrong: str | None
    remarks: tuple[str, ...] = ()


def verify_bundle(path: Path, is_replayed: bool = True) -> Verdict:
    """Raises ``NotABundle`` where the file is none."""
    with Archive(path) as archive:
        try:
            manifest = read_manifest(archive.read(MANIFEST))
        except Damaged as error:
            return Verdict(None, str(error))
        except ValueError as error:
            return Verdict(None, f"changed: {MANIFEST} ({shown(str(error), 250)})")
        wrong = _broken(archive, manifest)
        if wrong is not None:
            return Verdict(manifest, wrong)
        remarks = []
        made_with = manifest.software.get("lowsky", "?")
        if made_with != lowsky.__version__:
            remarks.append(f"made with lowsky {shown(made_with)}, this is {lowsky.__version__}")
        if not is_replayed:
            return Verdict(manifest, None, (*remarks, "not replayed"))
        wrong, is_exact = _replayed(archive, manifest)
        if wrong is None and not is_exact:
            remarks.append("the same but for the last digits of numbers: another processor")
        return Verdict(manifest, wrong, tuple(remarks))


def _broken(archive: Archive, manifest: Manifest) -> str | None:
    """The first part, or link of the chain, that is not as the manifest says."""
    wrong = broken_link(manifest)
    if wrong is not None:
        return f"changed: {MANIFEST}: {wrong}"
    said, there = [entry.name for entry in manifest.entries], [name for name in archive.names if name != MANIFEST]
    for name in said:
        if name not in there:
            return f"missing: {name}"
    for name in there:
        if name not in said:
            return f"added: {name}"
    for name in NEEDED:
        if name not in said:
            return f"missing: {name}, in the archive and in its manifest"
    if archive.names != [MANIFEST, *said]:
        first = next(a for a, b in zip(archive.names, [MANIFEST, *said]) if a != b)
        return f"reordered: {first}"
    if len(set(said)) < len(said):
        return f"changed: {MANIFEST}: a part is named twice"
    for entry in manifest.entries:
        if archive.size(entry.name) != entry.bytes:
            return f"changed: {entry.name} has {archive.size(entry.name):,} bytes, the manifest says {entry.bytes:,}"
        try:
            if sha256(archive.read(entry.name)).hexdigest() != entry.sha256:
                return f"changed: {entry.name}"
        except Damaged as error:
            return str(error)
    return None


def _replayed(archive: Archive, manifest: Manifest) -> tuple[str | None, bool]:
    """What the replay gives otherwise, and whether it is the same to the last bit."""
    with tempfile.TemporaryDirectory(prefix="lowsky-") as aside:
        for name in archive.names:
            if SEGMENT.fullmatch(name):
                (Path(aside) / name.removeprefix("recording/")).write_bytes(archive.read(name))
        try:
            site_toml = archive.read("site.toml").decode("utf-8")
            if names_files(site_toml):
                return "site.toml: names a zone file whose zones are not in it", False
            site = parse_site(site_toml, "site.toml")
            said_events, said_rows = read_events(archive.read("events.jsonl")), read_rows(archive.read("tracks.jsonl"))
            state = archive.read("state.bin") if manifest.slice.has_state else None
            recording = open_recording(Path(aside))
            again = replay(recording.ticks(), site, pipeline_at(site, state))
        except (msgspec.DecodeError, ValueError, LowskyError) as error:
            return f"cannot be replayed: {shown(str(error), 300)}", False
        except FORGED as error:
            return f"cannot be replayed: {type(error).__name__}: {shown(str(error), 200)}", False
    if recording.faults:
        return f"recording: {shown(recording.faults[0], 300)}", False
    events, rows = compare_events(said_events, again.events), compare_rows(said_rows, again.rows)
    for comparison in (events, rows):
        if comparison.wrong is not None:
            return f"not the same: {shown(comparison.wrong, 400)}", False
    return _history_of(archive, manifest, said_events), events.is_exact and rows.is_exact


def _history_of(archive: Archive, manifest: Manifest, events: list[Any]) -> str | None:
    """Does alert.json tell what the events of the slice do?"""
    try:
        facts = msgspec.json.decode(archive.read("alert.json"), type=dict[str, Any])
        told = [
            {k: v for k, v in fact.items() if k != "is_in_slice"} for fact in facts["history"] if fact["is_in_slice"]
        ]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        return f"alert.json: cannot be read: {shown(str(error), 200)}"
    number = manifest.alert.id
    its = [
        msgspec.to_builtins(event)
        for event in events
        if number in (getattr(event, "alert_id", None), getattr(event, "instead_of", None))
    ]
    return None if told == its else "alert.json: its history is not that of the events"
