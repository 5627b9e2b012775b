"""Thirteen seconds of two radars and Remote ID, delivered as late as a test wants."""

import functools

import numpy as np

from lowsky.align.funnel import Funnel
from lowsky.align.settings import CAUSAL
from lowsky.engine.config import parse_site
from lowsky.engine.pipeline import Pipeline
from lowsky.feeds.table import read_measurements
from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Normalised
from lowsky.simulate import simulate

S = 1_000_000_000


@functools.cache
def scene(folder, seed=101, duration_s=13.0):
    """The site, and its batches in order of event time; every report is one."""
    made = simulate("biased-late", seed=seed, duration_s=duration_s)
    path = folder / f"{seed}.parquet"
    made.measurements.with_columns(received=made.measurements["time"]).sort("time").write_parquet(path)
    site = parse_site(made.site_toml)
    batches = []
    for batch in read_measurements(path, site):
        single = batch.kind is MeasurementKind.REPORT
        batches += [batch.take(np.array([k])) for k in range(len(batch))] if single else [batch]
    return site, batches


def deliver(site, batches, delays_ns, on_step=None, pipeline=None, funnel=None):
    """Each batch comes ``delays_ns`` after its event time. Returns the pipeline, the settled seconds, all events."""
    pipeline = pipeline or Pipeline(site, tells_settled=True)
    funnel = funnel or Funnel(site, CAUSAL)
    arrivals = sorted(
        ((batch.t_ns + delay, k) for k, (batch, delay) in enumerate(zip(batches, delays_ns, strict=True))),
    )
    events, settled = [], []

    def take(ticks):
        for tick in ticks:
            told = pipeline.step(tick)
            events.extend(told)
            settled.extend(pipeline.settled())
            if on_step is not None:
                on_step(tick, told, pipeline)

    second = arrivals[0][0] // S * S + S
    for now_ns, k in arrivals:
        while second < now_ns:
            take(funnel.release(second, wait=False))
            second += S
        batch = batches[k].moved(0, delays_ns[k])
        funnel.offer(Normalised((batch,), len(batch)), batch.sensor)
        take(funnel.release(now_ns))
    take(funnel.flush())
    settled += pipeline.settled(is_end=True)
    newest_ns = max(batch.t_ns for batch in batches)
    return pipeline, [written(second) for second in settled if second[0] <= newest_ns], events


def written(second):
    """A second of the settled picture as bytes."""
    t_ns, tracks = second
    columns = (
        tracks.track_id, tracks.t_state_ns, tracks.t_update_ns, tracks.x, tracks.P, tracks.existence, tracks.status,
        tracks.position_kind, tracks.sensors, tracks.bearing, tracks.class_probability,
    )  # fmt: skip
    return t_ns, b"".join(c.tobytes() for c in columns), tracks.identity, sorted(tracks.texts.items())
