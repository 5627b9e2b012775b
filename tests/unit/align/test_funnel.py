"""The funnel: order, time, what is late, what is from the future, what overflows."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest

from lowsky.align.funnel import Funnel
from lowsky.align.settings import LIVE, RECORDED, Settings
from lowsky.errors import InvariantError
from lowsky.model.measurement import Coverage, Labels, MeasurementBatch, MeasurementKind, Reject, empty_look
from lowsky.model.ports import Normalised, SensorReport
from lowsky.model.site import Sensor, Site

S = 1_000_000_000
T0 = 1_790_000_000 * S
COVERAGE = (10.0, 5000.0, 0.0, 6.28, 0.0, 0.7)


def sensor(name, **changes):
    return Sensor(id=name, kind="direction-finder", latitude_rad=0.6, longitude_rad=2.2, height_m=0.0, **changes)


def site(*sensors):
    return Site(name="test", latitude_rad=0.6, longitude_rad=2.2, height_m=0.0, sensors=sensors)


def batch(name, *times_s, delay_s=0.02, look=-1, covers=False, tag=0.0):
    """Rows seen at ``times_s`` after T0, received ``delay_s`` later."""
    t = np.array([T0 + round(s * S) for s in times_s], np.int64)
    z = np.column_stack((np.linspace(0.1, 0.2, len(t)) + tag, np.full(len(t), np.nan)))
    coverage = Coverage(int(t.min()), int(t.max()), *COVERAGE) if covers else None
    recv = t + round(delay_s * S)
    return MeasurementBatch(name, MeasurementKind.BEARING, t, recv, z, np.full(z.shape, np.nan), look, coverage)


def nothing_seen(name, from_s, to_s, look=0):
    coverage = Coverage(T0 + round(from_s * S), T0 + round(to_s * S), *COVERAGE)
    return empty_look(name, MeasurementKind.BEARING, look, coverage)


def result(*batches, records=None, **changes):
    rows = sum(len(b) for b in batches)
    return Normalised(batches, records=rows if records is None else records, **changes)


def seconds(t_ns):
    return (t_ns - T0) / S


@pytest.fixture
def two():
    return site(sensor("a"), sensor("b"))


def test_a_sensor_that_nobody_can_speak_for_is_not_waited_for_until_it_speaks():
    where = site(sensor("a"), sensor("slow", latency_s=30.0))
    funnel = Funnel(where, LIVE, start_ns=T0, speakers={"a"})
    assert grid(funnel.release(T0 + 1 * S)) == [0.0, 0.25, 0.5, 0.75]
    funnel.offer(result(batch("slow", 1.2)), "slow")
    ticks = funnel.release(T0 + 2 * S)
    assert batches(ticks) == grid(ticks) == []
    assert batches(funnel.release(T0 + 32 * S)) == [("slow", 1.2)]
    assert grid(Funnel(where, LIVE, start_ns=T0).release(T0 + 1 * S)) == []


def batches(ticks):
    return [(tick.batch.sensor, round(seconds(tick.t_ns), 6)) for tick in ticks if tick.batch is not None]


def grid(ticks):
    return [round(seconds(tick.t_ns), 6) for tick in ticks if tick.batch is None]


def live(where):
    return Funnel(where, LIVE, start_ns=T0)


def learned(funnel, names, until_s=20.0):
    """Let each sensor show for ``until_s`` that its times never run backwards. Returns the time reached."""
    steps = int(until_s / 0.5)
    for k in range(1, steps + 1):
        for name in names:
            funnel.offer(result(batch(name, k * 0.5)), name)
        funnel.release(T0 + round((k * 0.5 + 0.02) * S))
    return steps * 0.5


def test_batches_leave_in_order_of_event_time_whatever_order_they_came_in(two):
    funnel = Funnel(two)
    for name, t in (("b", 3.0), ("a", 1.0), ("b", 2.0), ("a", 2.5)):
        funnel.offer(result(batch(name, t)), name)
    assert batches(funnel.flush()) == [("a", 1.0), ("b", 2.0), ("a", 2.5), ("b", 3.0)]


def test_batches_of_one_moment_leave_in_the_order_of_the_site_file(two):
    funnel = Funnel(two)
    funnel.offer(result(batch("b", 1.0)), "b")
    funnel.offer(result(batch("a", 1.0)), "a")
    assert batches(funnel.flush()) == [("a", 1.0), ("b", 1.0)]


def test_equal_batches_but_for_their_content_leave_in_an_order_of_their_own(two):
    orders = []
    for tags in ((1.0, 2.0, 3.0), (3.0, 1.0, 2.0)):
        funnel = Funnel(two)
        for tag in tags:
            funnel.offer(result(batch("a", 1.0, tag=tag)), "a")
        orders.append([tick.batch.z[0, 0] for tick in funnel.flush()])
    assert orders[0] == orders[1]


def test_time_ticks_stand_on_multiples_of_250_ms_and_before_the_batch_of_their_moment(two):
    funnel = Funnel(two)
    funnel.offer(result(batch("a", 0.1)), "a")
    funnel.offer(result(batch("a", 0.75)), "a")
    ticks = funnel.flush()
    assert [(round(seconds(t.t_ns), 3), t.batch is None) for t in ticks] == [
        (0.1, False),
        (0.25, True),
        (0.5, True),
        (0.75, True),
        (0.75, False),
    ]


def test_live_time_passes_although_nothing_ever_came(two):
    funnel = live(two)
    ticks = funnel.release(T0 + 1 * S)
    assert grid(ticks) == [0.0, 0.25, 0.5, 0.75]  # now less the latency of 0.1 s
    assert funnel.release(T0 + 1 * S) == []


def test_recorded_time_jumps_where_nothing_was_seen_for_more_than_a_minute(two):
    funnel = Funnel(two)
    funnel.offer(result(batch("a", 0.0)), "a")
    funnel.offer(result(batch("a", 3600.1)), "a")
    ticks = grid(funnel.flush())
    assert ticks[:3] == [0.25, 0.5, 0.75]
    assert ticks[-2:] == [60.0, 3600.0]
    assert len(ticks) == 241


def test_recorded_time_jumps_alike_whether_it_is_asked_for_often_or_once(two):
    often = Funnel(two)
    often.offer(result(batch("a", 0.0)), "a")
    ticks = []
    for minute in range(60):
        ticks += often.release(T0 + minute * 60 * S)
    assert grid(ticks)[-1] == 60.0
    often.offer(result(batch("a", 3600.1)), "a")
    assert grid(often.flush()) == [3600.0]


def test_a_live_node_that_was_suspended_does_not_emit_a_day_of_ticks(two):
    funnel = live(two)
    ticks = grid(funnel.release(T0 + 86_400 * S))
    assert len(ticks) == 242
    assert ticks[-1] == 86_399.75


def test_a_lone_streaming_sensor_lets_go_the_older_batch_when_the_next_one_comes(two):
    funnel = live(site(sensor("a", latency_s=5.0)))
    t = learned(funnel, ["a"])
    funnel.offer(result(batch("a", t + 0.010)), "a")
    funnel.offer(result(batch("a", t + 0.012)), "a")
    assert batches(funnel.release(T0 + round((t + 0.032) * S))) == [("a", t), ("a", t + 0.010)]


def test_a_silent_sensor_holds_the_others_up_by_its_latency_and_no_more():
    funnel = live(site(sensor("a"), sensor("b", latency_s=0.3)))
    funnel.offer(result(batch("a", 1.0)), "a")
    assert batches(funnel.release(T0 + round(1.3 * S))) == []
    assert batches(funnel.release(T0 + round(1.3 * S) + 1)) == [("a", 1.0)]


def test_a_sensor_reported_lost_is_waited_for_no_more_once_its_latency_is_over():
    funnel = live(site(sensor("a", latency_s=0.0), sensor("b", latency_s=30.0)))
    funnel.report(SensorReport(sensor="b", t_ns=T0, connected=False))
    funnel.offer(result(batch("a", 40.0)), "a")
    assert batches(funnel.release(T0 + 29 * S)) == []
    assert batches(funnel.release(T0 + 41 * S)) == [("a", 40.0)]
    funnel.report(SensorReport(sensor="b", t_ns=T0 + 41 * S, connected=True))
    funnel.offer(result(batch("a", 42.0)), "a")
    assert batches(funnel.release(T0 + 43 * S)) == []


def test_a_loss_that_is_reported_again_every_second_is_as_old_as_its_first_report():
    funnel = live(site(sensor("a", latency_s=0.0), sensor("b", latency_s=30.0)))
    for second in range(41):
        funnel.report(SensorReport(sensor="b", t_ns=T0 + second * S, connected=False))
    funnel.offer(result(batch("a", 40.0)), "a")
    assert batches(funnel.release(T0 + 41 * S)) == [("a", 40.0)]


def test_a_lost_sensor_that_is_heard_again_is_waited_for_again():
    funnel = live(site(sensor("a", latency_s=0.0), sensor("b", latency_s=30.0)))
    funnel.report(SensorReport(sensor="b", t_ns=T0, connected=False))
    funnel.release(T0 + 40 * S)
    funnel.offer(result(batch("b", 41.0)), "b")
    funnel.offer(result(batch("a", 42.0)), "a")
    assert batches(funnel.release(T0 + 43 * S)) == []


def test_a_sensor_whose_times_run_backwards_is_given_its_latency_to_come_into_order():
    funnel = live(site(sensor("a", latency_s=1.0)))
    learned(funnel, ["a"])
    for t in (21.0, 20.6):  # two transmitters with clocks of their own: the first step back may be late
        funnel.offer(result(batch("a", t)), "a")
        funnel.release(T0 + round(21.02 * S))
    for k in range(60):
        funnel.offer(result(batch("a", 22.0 + 0.1 * k)), "a")
        funnel.offer(result(batch("a", 21.6 + 0.1 * k)), "a")
        funnel.release(T0 + round((22.02 + 0.1 * k) * S))
    assert funnel.counts("a").get("LATE", 0) <= 1


def test_a_transmitter_whose_clock_is_ahead_makes_no_others_late():
    funnel = live(site(sensor("a", latency_s=1.0)))
    for k in range(120):
        arrival_s = 1.0 + 0.5 * k
        for ahead_s in (1.9, -0.2):  # one transmitter's clock is ahead, the other's report is a little old
            t_recv_ns = T0 + round(arrival_s * S)
            funnel.offer(result(batch("a", arrival_s + ahead_s, delay_s=-ahead_s)), "a", t_recv_ns=t_recv_ns)
            funnel.release(t_recv_ns)
    assert funnel.counts("a").get("LATE", 0) <= 4  # while what was let go before the first step back lies ahead


def test_what_is_older_than_what_was_let_go_goes_on_as_late_in_a_tick_of_the_present(two):
    funnel = live(two)
    funnel.release(T0 + 10 * S)
    funnel.offer(result(batch("a", 9.0, 9.1)), "a")
    funnel.offer(result(nothing_seen("a", 8.0, 9.0)), "a")
    late = funnel.release(T0 + 10 * S)
    assert [(seconds(t.t_ns), seconds(t.batch.t_ns)) for t in late] == [(9.75, 9.0), (9.75, 9.1)]
    assert funnel.counts("a") == {"records": 2, "measurements": 2, "held": 0, "late": 2}


def test_what_is_older_than_the_buffer_is_counted_and_dropped(two):
    funnel = live(two)
    funnel.release(T0 + 100 * S)
    funnel.offer(result(batch("a", 69.0, 69.1)), "a")
    funnel.offer(result(nothing_seen("a", 68.0, 69.0)), "a")
    assert batches(funnel.flush()) == []
    assert funnel.counts("a") == {"records": 2, "measurements": 0, "held": 0, "LATE": 2, "unused_looks": 1}


def test_what_comes_behind_the_horizon_but_after_the_last_tick_is_not_late(two):
    funnel = live(two)
    funnel.release(T0 + 10 * S)  # time is certain up to 9.9 s, the last tick was at 9.75 s
    funnel.offer(result(batch("a", 9.8)), "a")
    assert batches(funnel.release(T0 + 11 * S)) == [("a", 9.8)]
    assert "late" not in funnel.counts("a")


def test_not_waiting_lets_go_all_that_came_up_to_now_and_what_comes_after_it_is_late(two):
    funnel = live(two)
    funnel.offer(result(batch("a", 1.0)), "a")
    assert batches(funnel.release(T0 + S, wait=False)) == [("a", 1.0)]
    funnel.offer(result(batch("b", 0.9)), "b")
    assert [(t.batch.sensor, seconds(t.batch.t_ns)) for t in funnel.release(T0 + S)] == [("b", 0.9)]
    assert funnel.counts("b")["late"] == 1


def report_of(name, t_s, identity, delay_s=0.02):
    t = np.array([T0 + round(t_s * S)], np.int64)
    z = np.array([[0.6, 2.2, 100.0, 1.0, 2.0, 0.0]])
    texts = {"identity": Labels.of([identity])}
    return MeasurementBatch(name, MeasurementKind.REPORT, t, t + round(delay_s * S), z, z * np.nan, texts=texts)


def test_reports_of_one_moment_leave_as_one_batch_whatever_order_they_came_in(two):
    rows = []
    for order in (("x", "y", "z"), ("z", "x", "y")):
        funnel = Funnel(two)
        for k, identity in enumerate(order):
            funnel.offer(result(report_of("a", 1.0, identity, delay_s=0.1 * k)), "a")
        (tick,) = [t for t in funnel.flush() if t.batch is not None]
        rows.append([tick.batch.texts["identity"].text(k) for k in range(3)])
    assert rows[0] == rows[1] == ["x", "y", "z"]


def test_rows_from_the_future_are_refused_alone(two):
    funnel = live(two)
    funnel.offer(result(batch("a", 1.0, 1.1, 3600.0, delay_s=0.0)), "a", t_recv_ns=T0 + round(1.1 * S))
    ticks = funnel.release(T0 + 5 * S)
    assert [len(t.batch) for t in ticks if t.batch is not None] == [2]
    assert funnel.counts("a")["FUTURE"] == 1


def test_an_empty_look_from_the_future_is_not_believed(two):
    funnel = live(two)
    funnel.offer(result(nothing_seen("a", 3600.0, 3601.0)), "a", t_recv_ns=T0)
    assert batches(funnel.flush()) == []
    assert funnel.counts("a")["unused_looks"] == 1


def test_the_stated_clock_offset_is_subtracted_from_rows_and_coverage():
    funnel = Funnel(site(sensor("a", clock_offset_s=2.0)))
    funnel.offer(result(batch("a", 12.0, 12.5, covers=True, look=3)), "a")
    (tick,) = [t for t in funnel.flush() if t.batch is not None]
    assert [seconds(t) for t in tick.batch.t_meas_ns] == [10.0, 10.5]
    assert seconds(tick.batch.coverage.t_to_ns) == 10.5
    assert [seconds(t) for t in tick.batch.t_recv_ns] == [12.02, 12.52]


def test_a_stream_is_cut_at_the_grid_and_a_look_is_not(two):
    funnel = Funnel(two)
    funnel.offer(result(batch("a", 0.6, 0.1, 0.2, 0.7)), "a")
    funnel.offer(result(batch("b", 0.1, 0.6, covers=True, look=1)), "b")
    leaving = [t.batch for t in funnel.flush() if t.batch is not None]
    assert [(b.sensor, [seconds(t) for t in b.t_meas_ns]) for b in leaving] == [
        ("a", [0.1, 0.2]),
        ("b", [0.1, 0.6]),
        ("a", [0.6, 0.7]),
    ]


def test_a_numbered_look_without_coverage_is_not_cut_either(two):
    funnel = Funnel(two)
    funnel.offer(result(batch("a", 0.1, 0.9, look=7)), "a")
    assert [len(t.batch) for t in funnel.flush() if t.batch is not None] == [2]


@pytest.mark.parametrize("bound", [{"max_rows": 6}, {"max_bytes": 4000}])
def test_a_full_queue_drops_the_oldest_of_the_same_sensor(two, bound):
    funnel = Funnel(two, Settings(always_ticking=False, **bound))
    funnel.offer(result(batch("b", 0.0, 0.01)), "b")
    for k in range(1, 5):
        funnel.offer(result(batch("a", k * 1.0, k * 1.0 + 0.01)), "a")
    assert batches(funnel.flush()) == [("b", 0.01), ("a", 2.01), ("a", 3.01), ("a", 4.01)]
    assert funnel.counts("a")["OVERFLOW"] == 2
    assert "OVERFLOW" not in funnel.counts("b")


def test_looks_that_saw_nothing_fill_a_queue_too_and_are_counted_when_they_go(two):
    funnel = Funnel(two, Settings(max_bytes=100_000))
    for k in range(1000):
        funnel.offer(result(nothing_seen("a", k, k + 1.0, look=k)), "a")
    assert funnel.waiting("a")[1] <= 100_000
    left = len(batches(funnel.flush()))
    assert 0 < left < 200
    assert funnel.counts("a")["unused_looks"] == 1000 - left


def test_what_a_queue_counts_of_small_batches_is_about_the_memory_they_take(two):
    funnel, n = Funnel(two), 2000
    funnel.offer(result(batch("a", 0.0)), "a")
    tracemalloc.start()
    for k in range(n):
        funnel.offer(result(batch("a", k * 1.0)), "a")
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 0.5 * taken < funnel.waiting("a")[1] < 2.0 * taken


def test_a_batch_larger_than_the_queue_is_dropped_whole(two):
    funnel = Funnel(two, Settings(max_rows=3))
    funnel.offer(result(batch("a", 1.0, 1.01, 1.02, 1.03)), "a")
    assert funnel.flush() == []
    assert funnel.counts("a") == {"records": 4, "measurements": 0, "held": 0, "OVERFLOW": 4}
    assert funnel.waiting("a") == (0, 0)


def test_a_report_leaves_with_the_next_time_tick_and_says_what_the_funnel_knows(two):
    funnel = live(two)
    funnel.offer(result(batch("a", 0.05), records=3, rejected=Counter({Reject.NO_POSITION: 1}), held=1), "a")
    funnel.report(SensorReport(sensor="a", t_ns=T0 + S // 10, connected=True, counts={"errors": 7}))
    ticks = [t for t in funnel.release(T0 + S) if t.reports]
    assert [seconds(t.t_ns) for t in ticks] == [0.25]
    (report,) = ticks[0].reports
    assert report.counts == {"errors": 7, "records": 3, "measurements": 0, "held": 2, "NO_POSITION": 1}


def test_reports_that_are_left_at_the_end_leave_with_a_last_tick(two):
    funnel = Funnel(two)
    funnel.report(SensorReport(sensor="a", t_ns=T0, connected=False, detail="gone"))
    (tick,) = funnel.flush()
    assert (tick.t_ns, tick.reports[0].detail) == (T0, "gone")


def test_what_two_feeds_of_one_sensor_hold_back_is_added(two):
    funnel = Funnel(two)
    funnel.offer(result(records=4, held=4), "a", feed=0)
    funnel.offer(result(records=3, held=3), "a", feed=1)
    funnel.offer(result(records=0, held=2, rejected=Counter({Reject.UNPAIRED: 2})), "a", feed=0)
    assert funnel.counts("a") == {"records": 7, "measurements": 0, "held": 5, "UNPAIRED": 2}


def test_a_batch_of_a_sensor_the_site_lacks_is_our_bug(two):
    with pytest.raises(InvariantError, match="'c'"):
        Funnel(two).offer(result(batch("c", 1.0)), "a")


def test_an_overflowing_a_late_and_a_future_sensor_are_reported_degraded_in_words(two):
    funnel = Funnel(two, Settings(max_rows=2), start_ns=T0 + 31 * S)
    funnel.offer(result(batch("a", 32.0, 32.01)), "a")
    funnel.offer(result(batch("a", 32.1, 32.11)), "a")
    funnel.offer(result(batch("a", 0.5, delay_s=31.0)), "a")
    funnel.offer(result(batch("a", 100.0, delay_s=-50.0)), "a", t_recv_ns=T0 + 32 * S)
    funnel.report(SensorReport(sensor="a", t_ns=T0 + 33 * S, connected=True))
    funnel.report(SensorReport(sensor="b", t_ns=T0 + 33 * S, connected=True))
    first, second = funnel.flush()[-1].reports
    assert first.degraded == ("2 rows dropped: more comes than can be taken; 1 rows from the future; 1 rows too late")
    assert second.degraded == ""


def test_what_was_wrong_ten_seconds_ago_is_still_known_though_thousands_of_batches_came_since(two):
    funnel = Funnel(two, start_ns=T0)
    funnel.offer(result(batch("a", 100.0, delay_s=-99.0)), "a", t_recv_ns=T0 + S)
    for k in range(1, 1001):
        funnel.offer(result(batch("a", 1.0 + 0.005 * k)), "a")
        funnel.offer(result(batch("a", -40.0, delay_s=41.0 + 0.005 * k)), "a")
    funnel.report(SensorReport(sensor="a", t_ns=T0 + 8 * S, connected=True))
    assert "1 rows from the future; 1000 rows too late" in funnel.flush()[-1].reports[0].degraded


def test_what_comes_after_a_flush_is_late(two):
    funnel = Funnel(two)
    funnel.offer(result(batch("a", 5.0)), "a")
    funnel.flush()
    funnel.offer(result(batch("a", 4.0)), "a")
    (late,) = funnel.flush()
    assert (seconds(late.t_ns), seconds(late.batch.t_ns)) == (5.0, 4.0)
    funnel.offer(result(batch("a", -26.0)), "a")
    assert funnel.flush() == []
    assert funnel.counts("a")["LATE"] == 1


def test_recorded_files_are_given_ten_seconds_to_come_into_order(two):
    assert RECORDED.wait_at_least_s == 10.0
    funnel = Funnel(two)
    out = []
    for k in range(100):
        funnel.offer(result(batch("a", 0.5 * k)), "a")
        funnel.offer(result(batch("b", 0.5 * k - 8.0, delay_s=8.02)), "b")
        out += funnel.release(T0 + round((0.5 * k + 0.02) * S))
    out += funnel.flush()
    times = [t.t_ns for t in out]
    assert times == sorted(times)
    assert "LATE" not in funnel.counts("b")


def test_a_recorded_sensor_of_perfect_order_is_still_given_ten_seconds():
    funnel = Funnel(site(sensor("a")))
    learned(funnel, ["a"], until_s=40.0)
    funnel.offer(result(batch("a", 31.0)), "a")
    funnel.flush()
    assert "LATE" not in funnel.counts("a")


def test_arrays_of_the_stream_cannot_be_written(two):
    funnel = Funnel(two)
    funnel.offer(result(batch("a", 0.1, 0.9)), "a")
    for tick in funnel.flush():
        if tick.batch is not None:
            assert not tick.batch.t_meas_ns.flags.writeable
            assert tick.batch.t_meas_ns.dtype == np.int64


def test_a_clock_an_hour_ahead_is_shown_though_no_row_of_it_is_used_and_is_never_corrected():
    funnel = Funnel(site(sensor("a")), LIVE, start_ns=T0)
    for k in range(6):
        arrival = T0 + k * S
        funnel.offer(result(batch("a", 3600.0 + k, delay_s=-3600.0)), "a", t_recv_ns=arrival)
    funnel.report(SensorReport(sensor="a", t_ns=T0 + 5 * S, connected=True))
    report = funnel.flush()[-1].reports[0]
    assert report.counts["FUTURE"] == 6
    assert report.clock_s == pytest.approx((3600.0, 3600.1))
    assert report.degraded == "6 rows from the future; clock at least 3600.000 s ahead of UTC"


def test_what_the_site_says_of_the_clock_is_taken_off_before_the_estimate():
    funnel = Funnel(site(sensor("a", clock_offset_s=3600.0)), LIVE, start_ns=T0)
    for k in range(6):
        funnel.offer(result(batch("a", 3600.0 + k, delay_s=-3599.95)), "a", t_recv_ns=T0 + k * S)
    assert funnel.clock("a").plausible
    assert "FUTURE" not in funnel.counts("a")
