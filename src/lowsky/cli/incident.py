"""Commands for evidence bundles: export-incident, verify."""

from pathlib import Path

from rich.console import Console

from lowsky.cli.offline import progress, writable
from lowsky.engine.incident.archive import NotABundle
from lowsky.engine.incident.export import export_incident
from lowsky.engine.incident.verify import verify_bundle
from lowsky.errors import ConfigError, Fault
from lowsky.record.reader import open_recording
from lowsky.wire.shown import shown

SAME, NOT_THE_SAME, NO_BUNDLE = 0, 1, 2


def export(alert_id: int, recording_path: Path, output: Path, console: Console) -> int:
    if not recording_path.exists():
        raise ConfigError(
            [Fault(str(recording_path), "no such folder", "--recording DIR, what lowsky run --record wrote")]
        )
    writable(output)
    recording = open_recording(recording_path)
    with progress(console, "Replaying the recording") as note:
        manifest = export_incident(recording, alert_id, output, note)
    console.print(f"{output}: alert {manifest.alert.id}, {manifest.alert.title}")
    for remark in manifest.remarks:
        console.print(f"  note: {remark}")
    for what in manifest.left_out:
        console.print(f"  left out: {what}")
    console.print(f"  last link, to be kept apart from the file: {manifest.chain}")
    return 0


def verify(path: Path, is_replayed: bool, console: Console) -> int:
    try:
        verdict = verify_bundle(path, is_replayed)
    except NotABundle as error:
        console.print(shown(str(error), 400), style="red")
        return NO_BUNDLE
    for remark in verdict.remarks:
        console.print(f"  note: {remark}")
    if verdict.wrong is not None:
        console.print(f"{path}: NOT THE SAME: {verdict.wrong}", style="red")
        return NOT_THE_SAME
    manifest = verdict.manifest
    if manifest is not None:
        same = "every part is as it was, and the replay gives the same tracks and alerts" if is_replayed else (
            "every part is as it was"
        )  # fmt: skip
        console.print(f"{path}: the same: {same}")
        console.print(f"  alert {manifest.alert.id}: {shown(manifest.alert.title, 200)}")
        console.print(f"  last link: {manifest.chain}")
    return SAME
