"""Ticks to record."""

import numpy as np

from lowsky.model.measurement import COMPONENTS, Coverage, Labels, MeasurementBatch, MeasurementKind, empty_look
from lowsky.model.ports import SensorReport, Tick

SECOND = 1_000_000_000
T0 = 1_795_000_000 * SECOND  # 11:06:40 in its hour
SITE = '[site]\nname = "Harbour — Süd"\n'


def coverage(t_ns):
    return Coverage(t_ns - SECOND, t_ns, 0.0, 5000.0, 0.0, 6.25, -0.1, 0.8)


def batch(k, t_ns, rows=3):
    """Deterministic batches of every kind; some columns come and go."""
    kind = list(MeasurementKind)[k % 3]
    rng = np.random.default_rng(k)
    d = len(COMPONENTS[kind])
    z = rng.normal(size=(rows, d))
    z[rng.random((rows, d)) < 0.3] = np.nan
    return MeasurementBatch(
        f"sensor-{k % 4}",
        kind,
        t_ns - rng.integers(0, SECOND, rows),
        np.full(rows, t_ns, np.int64),
        z,
        np.full((rows, d), np.nan),
        k,
        coverage(t_ns) if k % 2 else None,
        {"snr_db": rng.normal(size=rows)} if k % 5 else {},
        {"identity": Labels.of([f"id {k}", None, "ü"][:rows] + ["x"] * (rows - 3))} if k % 7 else {},
    )


def tick(k, step_ns=SECOND // 4, t0=T0):
    """The k-th tick of a scene: batches, looks that saw nothing, time passing, sensor reports."""
    t_ns = t0 + k * step_ns
    if k % 11 == 3:
        return Tick(
            t_ns, None, (SensorReport(sensor="sensor-1", t_ns=t_ns, connected=k % 2 == 0, counts={"b": k, "a": 1}),)
        )
    if k % 11 == 5:
        return Tick(t_ns)
    if k % 11 == 7:
        return Tick(t_ns, empty_look("sensor-0", MeasurementKind.RADAR, k, coverage(t_ns)))
    return Tick(t_ns, batch(k, t_ns))


def ticks(n, **scene):
    return [tick(k, **scene) for k in range(n)]
