"""Is memory flat? An hour of scene time of 1,000 tracks through the node's own parts, as fast as they go.

`python -m benchmarks.memory [--minutes 60] [--json OUT]`: the datagrams of four simulated radars (a turn in 4 s, 1,000
plots a second) through normalisers, funnel, pipeline, encoder, history and one client's frames; no sockets, no wall
clock. The history of the page is bounded at 30 minutes or 64 MiB and fills first, so the slope is a least-squares line
over the last third. `benchmarks.soak` is the same through sockets in real time.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.figures import measure_minutes, resident_mib, slope_of
from benchmarks.load import Load
from lowsky.align.funnel import Funnel
from lowsky.align.settings import LIVE
from lowsky.engine.config import read_site
from lowsky.engine.node import Stage, picture_of
from lowsky.engine.pipeline import Pipeline
from lowsky.feeds.plan import plan
from lowsky.model.ports import Frame
from lowsky.serve.frame import Encoder
from lowsky.serve.history import History

START_S = 1_800_000_000.0
FRAME_EVERY_NS = 100_000_000
SAMPLE_EVERY_NS = 10_000_000_000


def measure(minutes: float) -> dict:
    load = Load(period_s=4.0, datagram_s=0.04)
    with tempfile.TemporaryDirectory() as folder:
        load.write_site(Path(folder) / "site.toml")
        site = read_site(Path(folder) / "site.toml")
    normalisers = [f.package.open_feed(f.config, f.sensor, site) for f in plan(site)]
    funnel, pipeline = Funnel(site, LIVE, start_ns=int(START_S * 1e9)), Pipeline(site)
    encoder, history, version, seq = Encoder(), History(), 0, 0
    framed_ns = sampled_ns = 0
    samples: list[tuple[float, float]] = []
    for when_s, port, payload, _ in load.datagrams(START_S, minutes * 60.0):
        now_ns, k = int(when_s * 1e9), port - load.first_port
        funnel.offer(normalisers[k](Frame(now_ns, payload)), f"radar-{k}", k, now_ns)
        for tick in funnel.release(now_ns):
            pipeline.step(tick)
        if pipeline.t_ns is None:
            continue
        if now_ns - framed_ns >= FRAME_EVERY_NS:
            framed_ns = now_ns
            encoder.update(picture_of(pipeline, Stage("live"), now_ns))
            history.take(encoder, b"{}")
            seq += 1
            encoder.frame(version, seq, now_ns)
            version = encoder.version
        if now_ns - sampled_ns >= SAMPLE_EVERY_NS:
            sampled_ns = now_ns
            samples.append(((when_s - START_S) / 3600.0, resident_mib()))
    rows = np.array(samples)
    _, slope, error = slope_of(rows, 2 / 3)
    counts = [funnel.counts(sensor.id) for sensor in site.sensors]
    return {
        "scene_minutes": minutes, "tracks": len(pipeline.snapshot()), "plots": sum(c["measurements"] for c in counts),
        "not_used": sum(c["records"] - c["measurements"] - c["held"] for c in counts),
        "resident_mib_after_a_twelfth": float(rows[len(rows) // 12, 1]), "resident_mib_at_end": float(rows[-1, 1]),
        "history_mib": history.bytes / 2**20, "slope_mib_per_h_last_third": slope,
        "slope_standard_error": error, "simulated": True,
    }  # fmt: skip


if __name__ == "__main__":
    measure_minutes(measure, __doc__)
