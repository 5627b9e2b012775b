"""What a batch's place in the stream is, and where a batch is cut before it takes it."""

from hashlib import blake2b

import numpy as np

from lowsky.model.measurement import Ints, MeasurementBatch

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
    """Digest of everything in the batch: the last tie-break, so that order never depends on arrival."""
    digest = blake2b(digest_size=16)
    digest.update(repr((batch.sensor, int(batch.kind), batch.look, batch.coverage, batch.z.shape)).encode())
    times: tuple[Ints, ...] = (batch.t_meas_ns, batch.t_recv_ns)
    for column in times:
        digest.update(column.tobytes())
    digest.update(batch.z.tobytes())
    digest.update(batch.sigma.tobytes())
    for name in sorted(batch.attributes):
        digest.update(name.encode() + b"\0" + batch.attributes[name].tobytes())
    for name in sorted(batch.texts):
        labels = batch.texts[name]
        digest.update(name.encode() + b"\0" + repr([labels.text(row) for row in range(len(labels))]).encode())
    return digest.digest()
