"""Turn a finished SQLite segment into Parquet.

Safe to kill at any instant and to run
twice at once: a file gets its name only when it is whole and compared, and the old one goes only after that.
"""

import os
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa

from lowsky.errors import RecordError
from lowsky.record import finished, growing
from lowsky.record.catalog import segment_at
from lowsky.wire.columns import encode_tick


def compact(path: Path) -> Path:
    """Replace the SQLite segment at ``path`` by its Parquet form, and return where that is.

    Nothing may be writing the segment any more. Raises ``RecordError``; then the SQLite segment is still there.
    """
    segment = segment_at(path)
    if segment is None or segment.form != "sqlite":
        raise RecordError(f"{path}: not the name of a growing segment")
    done = segment.in_form("parquet").path
    if not done.exists():
        unfinished = done.with_name(f"{done.name}.{os.getpid()}.tmp")
        try:
            finished.write(unfinished, growing.ticks(path), growing.meta(path), growing.gaps(segment))
            _compare(path, unfinished)
            _sync(unfinished)
            unfinished.rename(done)
            _sync(done.parent)
        except (OSError, pa.ArrowException) as error:
            raise RecordError(f"{done}: cannot be written: {error}") from error
        finally:
            unfinished.unlink(missing_ok=True)
    remove_growing(path)
    return done


def remove_growing(path: Path) -> None:
    """Delete a SQLite segment with the files beside it. Raises ``OSError``."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _compare(growing_path: Path, finished_path: Path) -> None:
    with finished.FinishedSegment(finished_path) as segment:
        encoded = growing.encoded_ticks(growing_path)
        with closing(encoded), closing(segment.ticks()) as again:
            for was, now in zip_longest(encoded, again):
                if was is None or now is None or encode_tick(now) != was:
                    raise RecordError(f"{growing_path}: its Parquet form is not the same; it stays as it is")


def _sync(path: Path) -> None:
    """Hand a file or, where the system can, a folder to the disk."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
