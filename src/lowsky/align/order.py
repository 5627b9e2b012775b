"""What a batch's place in the stream is, and where a batch is cut before it takes it."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from lowsky.model.measurement import Labels, MeasurementBatch, MeasurementKind

# What a batch takes beside its numbers (tracemalloc, CPython 3.11, NumPy 2.4): most of it where it has one row.
BATCH_BYTES = 1024
COLUMN_BYTES = 170  # each attribute or text


def pieces(batch: MeasurementBatch, split_ns: int) -> list[MeasurementBatch]:
    """A stream's batch cut at multiples of ``split_ns`` of UTC where its rows spread further, oldest first.

    Looks (with coverage or a number) stay whole: their rows are one association problem. Rows keep their order
    inside a piece. The cuts depend on the times alone, so the same rows give the same pieces.
    """
    if batch.coverage is not None or batch.look >= 0 or len(batch) < 2:
        return [batch]
    t_ns = batch.t_meas_ns
    if int(t_ns.max()) - int(t_ns.min()) <= split_ns:
        return [batch]
    cell = t_ns // split_ns
    rows = np.argsort(cell, kind="stable")
    edges = np.flatnonzero(np.diff(cell[rows])) + 1
    return [batch.take(part) for part in np.split(rows, edges)]


def first_arrival_ns(batch: MeasurementBatch) -> int:
    """When its first row reached us; the end of the look where it has none."""
    return int(batch.t_recv_ns.min()) if len(batch) else batch.t_ns


def size_bytes(batch: MeasurementBatch) -> int:
    """Memory it takes, about: its objects and its columns (text names are counted by length)."""
    columns = [BATCH_BYTES, COLUMN_BYTES * (len(batch.attributes) + len(batch.texts))]
    columns += [batch.z.nbytes, batch.sigma.nbytes, batch.t_meas_ns.nbytes, batch.t_recv_ns.nbytes]
    columns += [a.nbytes for a in batch.attributes.values()]
    columns += [labels.codes.nbytes + sum(map(len, labels.names)) for labels in batch.texts.values()]
    return sum(columns)


def content(batch: MeasurementBatch) -> bytes:
    """What is in the batch, for the last tie-break: a digest of all but the times of arrival, then these. So neither
    order nor lateness of arrival decides, unless nothing else differs."""
    digest = blake2b(digest_size=16)
    digest.update(repr((batch.sensor, int(batch.kind), batch.look, batch.coverage, batch.z.shape)).encode())
    digest.update(batch.t_meas_ns.tobytes())
    digest.update(batch.z.tobytes())
    digest.update(batch.sigma.tobytes())
    for name in sorted(batch.attributes):
        digest.update(name.encode() + b"\0" + batch.attributes[name].tobytes())
    for name in sorted(batch.texts):
        labels = batch.texts[name]
        digest.update(name.encode() + b"\0" + repr([labels.text(row) for row in range(len(labels))]).encode())
    return digest.digest() + batch.t_recv_ns.astype(">i8").tobytes()


def may_join(batch: MeasurementBatch) -> bool:
    """Reports stand for themselves: those of one sensor and moment are one batch, however they came."""
    return batch.kind == MeasurementKind.REPORT and batch.coverage is None and len(batch) > 0


def joined(batches: Sequence[MeasurementBatch]) -> MeasurementBatch:
    """Batches of one sensor and look that ``may_join`` as one, its rows by time, content and arrival."""
    if len(batches) == 1:
        return batches[0]
    lengths = [len(b) for b in batches]
    attributes = {
        name: np.concatenate(
            [b.attributes.get(name, np.full(n, np.nan)) for b, n in zip(batches, lengths, strict=True)]
        )
        for name in sorted({name for b in batches for name in b.attributes})
    }
    said: dict[str, list[str | None]] = {}
    for name in sorted({name for b in batches for name in b.texts}):
        said[name] = []
        for b, n in zip(batches, lengths, strict=True):
            said[name] += [b.texts[name].text(row) for row in range(n)] if name in b.texts else [None] * n
    z, sigma = np.concatenate([b.z for b in batches]), np.concatenate([b.sigma for b in batches])
    t_meas_ns = np.concatenate([b.t_meas_ns for b in batches])
    t_recv_ns = np.concatenate([b.t_recv_ns for b in batches])
    words = [[text or "" for text in said[name]] for name in said]
    numbers = [*z.T, *sigma.T, *attributes.values()]
    rows = np.lexsort((t_recv_ns, *words, *numbers[::-1], t_meas_ns))
    return MeasurementBatch(
        batches[0].sensor, batches[0].kind, t_meas_ns[rows], t_recv_ns[rows], z[rows], sigma[rows],
        batches[0].look, None,
        attributes={name: column[rows] for name, column in attributes.items()},
        texts={name: Labels.of([texts[row] for row in rows.tolist()]) for name, texts in said.items()},
    )  # fmt: skip
