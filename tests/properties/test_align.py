"""The stream is a function of the set of batches; every record is accounted for."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lowsky.align.funnel import Funnel
from lowsky.align.order import content, pieces
from lowsky.align.settings import RECORDED, Settings
from lowsky.model.measurement import Coverage, MeasurementBatch, MeasurementKind, Reject
from lowsky.model.ports import Normalised
from lowsky.model.site import Sensor, Site

MS = 1_000_000
T0 = 1_790_000_000_000 * MS
NAMES = ("a", "b", "c")
SITE = Site(
    name="test", latitude_rad=0.6, longitude_rad=2.2, height_m=0.0,
    sensors=tuple(
        Sensor(id=name, kind="direction-finder", latitude_rad=0.6, longitude_rad=2.2, height_m=0.0, latency_s=latency)
        for name, latency in zip(NAMES, (0.1, 0.0, 2.0))
    ),
)  # fmt: skip


@st.composite
def arrivals(draw, span_ms=8_000):
    """Results of three feeds, each in the order its feed delivers them (of arrival)."""
    out = []
    for name in NAMES:
        now = 0
        for _ in range(draw(st.integers(0, 8))):
            now += draw(st.integers(0, span_ms // 4))
            rows = draw(st.lists(st.integers(0, 600), max_size=5))
            covers = draw(st.booleans())
            t = np.array([T0 + (now - back) * MS for back in rows], np.int64)
            if not rows and not covers:
                continue
            end = int(t.max()) if rows else T0 + now * MS
            coverage = Coverage(end - 100 * MS, end, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0) if covers else None
            z = np.array([[draw(st.integers(0, 3)) * 0.1, np.nan] for _ in rows]).reshape(-1, 2)
            recv = np.full(len(t), T0 + now * MS, np.int64)
            batch = MeasurementBatch(name, MeasurementKind.BEARING, t, recv, z, z * np.nan, -1, coverage)
            rejects = draw(st.integers(0, 2))
            rejected = Counter({Reject.NO_POSITION: rejects}) if rejects else Counter()
            out.append((name, T0 + now * MS, Normalised((batch,), len(rows) + rejects, rejected)))
    return out


def written(ticks):
    """A stream as bytes: what a recording would hold."""
    return [(tick.t_ns, b"" if tick.batch is None else content(tick.batch)) for tick in ticks]


def up_to_last_batch(stream):
    last = max((k for k, (_, batch) in enumerate(stream) if batch), default=-1)
    return stream[: last + 1]


def interleaved(items, order):
    """The feeds' sequences shuffled into each other; each feed's own order stays."""
    queues = {name: [item for item in items if item[0] == name] for name in NAMES}
    return [queues[NAMES[k % 3]].pop(0) for k in order if queues[NAMES[k % 3]]] + [
        item for name in NAMES for item in queues[name]
    ]


def check_sums(funnel):
    for name in NAMES:
        counts = funnel.counts(name)
        rejected = sum(counts.get(reason.name, 0) for reason in Reject)
        assert counts["records"] == counts["measurements"] + rejected + counts["held"]


@given(arrivals(), st.lists(st.integers(0, 2), max_size=40))
@settings(max_examples=200, deadline=None)
def test_the_stream_does_not_depend_on_the_order_in_which_feeds_deliver(items, order):
    streams = []
    for arranged in (items, interleaved(items, order), list(reversed(items))):
        funnel = Funnel(SITE)
        for name, _, result in arranged:
            funnel.offer(result, name)
        streams.append(written(funnel.flush()))
        check_sums(funnel)
    assert streams[0] == streams[1] == streams[2]


@given(arrivals())
@settings(max_examples=200, deadline=None)
def test_letting_go_early_gives_the_same_stream_as_waiting_for_the_end(items):
    patient = Funnel(SITE)
    for name, _, result in items:
        patient.offer(result, name)
    eager, out = Funnel(SITE), []
    for name, arrived_ns, result in sorted(items, key=lambda item: item[1]):
        eager.offer(result, name)
        out += eager.release(arrived_ns)
        check_sums(eager)
    out += eager.flush()
    assert up_to_last_batch(written(out)) == up_to_last_batch(written(patient.flush()))
    assert all("LATE" not in eager.counts(name) for name in NAMES)


@given(arrivals(span_ms=4_000), st.lists(st.integers(0, 2), max_size=40), st.lists(st.integers(-3000, 3000)))
@settings(max_examples=200, deadline=None)
def test_time_never_runs_backwards_and_every_row_is_accounted_for_however_late_it_comes(items, order, jitter):
    narrow = Settings(max_rows=6, wait_at_least_s=0.0)
    funnel, out = Funnel(SITE, narrow, start_ns=T0), []
    for k, (name, arrived_ns, result) in enumerate(interleaved(items, order)):
        funnel.offer(result, name, t_recv_ns=arrived_ns)
        check_sums(funnel)
        out += funnel.release(arrived_ns + (jitter[k % len(jitter)] if jitter else 0) * MS)
        check_sums(funnel)
    out += funnel.flush()
    check_sums(funnel)
    times = [tick.t_ns for tick in out]
    assert times == sorted(times)
    rows = sum(len(tick.batch) for tick in out if tick.batch is not None)
    assert rows == sum(funnel.counts(name)["measurements"] for name in NAMES)
    assert all(funnel.counts(name)["held"] == 0 for name in NAMES)
    assert all(funnel.waiting(name) == (0, 0) for name in NAMES)


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=80))
@settings(max_examples=200, deadline=None)
def test_cutting_a_batch_keeps_every_row_once_and_in_order_and_no_piece_spans_more_than_a_cell(times_ms):
    cell = round(RECORDED.split_s * 1e9)
    t = np.array(times_ms, np.int64) * MS + T0
    z = np.column_stack((np.arange(len(t), dtype=float), np.full(len(t), np.nan)))
    batch = MeasurementBatch("a", MeasurementKind.BEARING, t, t.copy(), z, z * np.nan)
    cut = pieces(batch, cell)
    assert sorted(x for piece in cut for x in piece.z[:, 0]) == list(range(len(t)))
    assert [p.t_ns for p in cut] == sorted(p.t_ns for p in cut)
    assert all(int(p.t_meas_ns.max() - p.t_meas_ns.min()) <= cell for p in cut)
    for piece in cut:
        assert list(piece.z[:, 0]) == sorted(piece.z[:, 0])
        assert list(piece.t_meas_ns) == [t[int(x)] for x in piece.z[:, 0]]
