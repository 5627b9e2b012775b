"""Weights, boxes, misses, statuses and reports by name, against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import birth as birth_twin
from tests.reference import existence as existence_twin
from tests.reference import gate as gate_twin
from tests.reference import linalg as linalg_twin
from tests.reference import motion as motion_twin
from tests.reference import observe as observe_twin
from tests.reference import update as twin
from tests.unit.kernels.draws import (
    GENERATOR,
    MOTION,
    RADAR,
    REPORT,
    SHARE_BIRTH,
    chain,
    columns,
    frame,
    modes,
    pad,
    rows_of,
    shares,
    state,
)

from lowsky.kernels import birth, existence, gate, sight, update
from lowsky.kernels.observe import BEARING
from lowsky.kernels.sheet import SHEET, give, settle, take

SEEDS = st.integers(0, 2**32 - 1)
VAR = np.array([10.0, 0.01, 0.02, 0.5, 150.0]) ** 2
NO = np.zeros(1, np.int64)
ALL_ROUND = np.array([0.0, np.pi])


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_an_edge_weighs_what_the_mixture_of_modes_says(seed):
    rng = np.random.default_rng(seed)
    (x0, P0), (origin, C) = state(rng), frame(rng)
    if np.hypot(*(C @ (x0[:3] - origin))[:2]) < 150:
        return
    x, P, mu = modes(rng, x0, P0)
    z = observe_twin.observe(RADAR, x0, 0.0, origin, C, 30.0) + rng.normal(size=5) * np.sqrt(VAR)
    own, still = chain(3)
    track_columns = NO.copy(), *columns(x, P), mu[None], *own
    rows = pad(z)[None], pad(VAR, 1.0)[None], np.zeros(1, np.bool_), NO
    place = origin[None], C[None], np.array([30.0]), NO

    def weighed(gate):
        room = sight.room_for(1, 3)
        return sight.weigh_edges(RADAR, NO, NO, *track_columns, *rows, *place, np.full(7, gate), *still, room)

    track, row, likelihood, _ = weighed(1e6)
    assert (track.tolist(), row.tolist()) == ([0], [0])
    want = twin.weigh_edges(RADAR, x, P, mu, z, VAR, 0.0, origin, C, 30.0)
    assert np.log(likelihood[0]) == pytest.approx(want, abs=0.03)  # modes near each other share their derivatives
    assert len(weighed(1e-9)[0]) == 0


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([1, 3]), st.floats(0.0, 5.0))
def test_a_box_holds_its_sigmas_of_the_predicted_place(seed, kind, dt):
    rng = np.random.default_rng(seed)
    (x, P), (origin, C) = state(rng), frame(rng)
    d = C @ (x[:3] + dt * x[3:] - origin)
    if np.hypot(*d[:2]) < 600:
        return
    var_uv, out = np.array([100.0, 1e-4 if kind == RADAR else 100.0]), np.empty((4, 1))
    gate.track_boxes(
        kind, round(dt * 1e9), 0.0, NO, x[None], P[None], np.array([[0.6, 0.3, 0.1]]), MOTION, origin, C, 4.5, var_uv,
        ALL_ROUND, *out,
    )  # fmt: skip
    q_mean = np.array([0.6, 0.3, 0.1]) @ MOTION[:, 1]
    least = gate_twin.track_boxes(kind, x, P, dt, q_mean, origin, C, 4.5, var_uv)
    assert out[2, 0] >= least[0] * (1 - 1e-6)
    assert out[3, 0] >= least[1] * (1 - 1e-6) or out[3, 0] == np.pi
    if kind == RADAR:
        assert out[0, 0] == pytest.approx(np.linalg.norm(d))
        assert out[1, 0] == pytest.approx(np.arctan2(d[0], d[1]))


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(0.0, 5.0), st.floats(1e-3, 3.2), st.sampled_from([RADAR, BEARING]))
def test_a_track_left_out_by_the_arc_has_no_row_in_its_box(seed, dt, width, kind):
    rng = np.random.default_rng(seed)
    states = [state(rng) for _ in range(40)]
    x, P = np.array([s[0] for s in states]), np.array([s[1] for s in states])
    origin, C = frame(rng)
    mu, t_ns, var_uv = np.full((40, 3), 1 / 3), np.zeros(40, np.int64), np.array([100.0, 1e-4])
    row_v = (rng.uniform(0, 7) + rng.uniform(0, width, 12) + np.pi) % (2 * np.pi) - np.pi
    row_u, nobody = rng.uniform(0, 9000, 12), np.zeros(40, np.bool_)
    found = []
    for arc in (ALL_ROUND, gate.arc_of(row_v)):
        box = np.empty((4, 40))
        gate.track_boxes(kind, round(dt * 1e9), 0.05, t_ns, x, P, mu, MOTION, origin, C, 4.5, var_uv, arc, *box)
        track, row, _ = gate.pairs(*box, row_u * (kind == RADAR), row_v, True, nobody, nobody[:12], 100)
        found.append((track.tolist(), row.tolist()))
    assert found[0] == found[1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-np.pi, np.pi), max_size=20))
def test_an_arc_holds_every_angle(angles):
    middle, half = gate.arc_of(np.array(angles, float))
    if angles:
        want = gate_twin.arc_of(angles)
        assert abs((middle - want[0] + np.pi) % (2 * np.pi) - np.pi) <= 1e-9
        assert half == pytest.approx(want[1], abs=2e-9)
    assert all(abs((a - middle + np.pi) % (2 * np.pi) - np.pi) <= half for a in angles)
    assert half <= np.pi


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.999), st.floats(0.01, 0.99), st.floats(0, 30), st.booleans(), st.booleans())
def test_chances_before_a_look_and_weights_are_those_on_paper(r, p_detect, dt, is_shielded, has_coverage):
    rng = np.random.default_rng(1)
    (x, P), (origin, C) = state(rng), frame(rng)
    limits = np.array([0.0, 6000.0 if has_coverage else -1.0, 0.0, 7.0, -1.0, 1.0])
    got, t_r, seen, missed = np.array([r]), NO.copy(), np.empty(1), np.empty(1)
    now = round(dt * 1e9)
    existence.look_odds(
        now, p_detect, origin, C, limits, NO + now, x[None], P[None], got, t_r, np.array([is_shielded]), 0.01, seen,
        missed,
    )  # fmt: skip
    inside = existence_twin.inside(x, P, 0.0, origin, C, limits) if has_coverage else 1.0
    want = existence_twin.look_odds(r, now * 1e-9, 0.01, p_detect, inside, is_shielded, has_coverage)
    np.testing.assert_allclose([got[0], seen[0], missed[0]], want, atol=1e-6)
    psi = np.empty(1)
    existence.detection_weights(NO, np.exp([-3.0]), got, seen, missed, 0.02, psi)
    assert psi[0] == pytest.approx(existence_twin.detection_weights(got[0], seen[0], missed[0], -3.0, 0.02), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.999), st.floats(0.1, 20), st.floats(0.5, 4.0), st.floats(0.01, 0.95))
def test_overdue_revisits_are_missed_one_by_one(r, late_s, revisit_s, p_detect):
    if abs((late_s / revisit_s) % 1.0 - 0.5) < 1e-6:
        return  # on the edge nanoseconds decide
    x, P = np.array([1000.0, 0, 100, 0, 0, 0]), np.eye(6)
    limits = np.array([0.0, 1e5, 0.0, 7.0, -1.0, 1.0])
    got, chance, now, revisit = np.array([r]), NO.copy(), round(late_s * 1e9), round(revisit_s * 1e9)
    existence.overdue_misses(
        now, revisit, p_detect, np.zeros(3), np.eye(3), limits, NO + now, x[None], P[None], got,
        np.zeros(1, np.bool_), chance,
    )  # fmt: skip
    want, accounted = existence_twin.overdue_misses(r, late_s, revisit_s, p_detect)
    assert got[0] == pytest.approx(want, abs=1e-9)
    assert chance[0] * 1e-9 == pytest.approx(accounted, abs=1e-6)


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_statuses_follow_the_rules_one_by_one(seed):
    rng = np.random.default_rng(seed)
    limits = np.array([0.9, 3, 0.05, 0.02, 0.5, 3.5, 1.5, 2, 8.0, 30.0, 30.0, 3000.0, 20.0, 6])
    track = {
        "number": int(rng.integers(0, 2)), "r": float(rng.choice([0.001, 0.03, 0.3, 0.7, 0.99])),
        "hits": int(rng.integers(1, 5)), "status": int(rng.integers(1, 4)), "reports": int(rng.integers(0, 4)),
        "t_update": float(rng.choice([999.0, 995, 960, 900])), "t_report": float(rng.choice([0, 999, 980, 900])),
        "interval": float(rng.choice([0.5, 3, 12])), "sigma": float(rng.choice([10, 4000])),
        "emits": float(rng.choice([0.0, 0.5])), "blurred": int(rng.choice([0, 5, 6])),
    }  # fmt: skip
    Pm, verdict = np.eye(6)[None] * track["sigma"] ** 2 / 2, np.zeros(1, np.uint8)
    ns = lambda s: np.array([round(s * 1e9)])  # noqa: E731
    changed = np.zeros(1, np.int64)
    n_changed = existence.judge(
        1, 1000 * 10**9, np.array([track["number"]]), np.array([track["r"]]), np.array([track["hits"]]),
        np.array([track["status"]], np.uint8), ns(track["t_update"]), ns(track["t_report"]),
        np.array([track["interval"]]), np.array([track["reports"]]), np.array([track["emits"]]),
        np.array([track["blurred"]]), Pm, limits, verdict, changed,
    )  # fmt: skip
    assert verdict[0] == existence_twin.judge(track, 1000.0, limits)
    assert n_changed == (verdict[0] != track["status"])


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_looks_that_feed_a_track_with_nobodys_plots_are_counted(seed):
    rng = np.random.default_rng(seed)
    n_track, n_row, n_edge = 6, 4, int(rng.integers(0, 12))
    track, row = np.sort(rng.integers(0, n_track, n_edge)), rng.integers(0, n_row, n_edge)
    p_edge, p_new = 0.4 * rng.random(n_edge), rng.random(n_row)
    p_hit, blurred = np.bincount(track, p_edge, n_track), rng.integers(0, 3, n_track)
    r = rng.random(n_track)
    want = existence_twin.note_blur(track, row, p_edge, p_hit, p_new, 0.3, r, blurred)
    existence.note_blur(track, row, p_edge, p_hit, p_new, 0.3, r, blurred)
    np.testing.assert_array_equal(blurred, want)


def test_the_interval_between_updates_is_learnt():
    times = np.array([0.0, 10.0, 10.01, 20.0, 31.0])
    t_update, interval, hits = np.zeros(1, np.int64), np.array([5.0]), np.array([1])
    table = np.zeros((3, 1, 2), np.int64)
    for k, t in enumerate(times[1:]):
        row_ns = np.array([round(t * 1e9)])
        existence.note_hits(
            NO, NO, np.array([0.9]), row_ns, 1, k, 0.5, t_update, interval, hits, table[0], table[1], table[2]
        )
    # a gap of 10 ms is one update
    assert interval[0] == pytest.approx(existence_twin.note_hits([0.0, 10.0, 20.0 - 0.01, 31.0 - 0.01]), rel=0.01)
    assert hits[0] == 5
    assert table[0, 0].tolist() == [0, 31 * 10**9]
    assert table[2, 0].tolist() == [0, 3]


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.floats(0.1, 15.0))
def test_a_report_by_name_predicts_and_updates_its_track_alone(seed, dt):
    rng = np.random.default_rng(seed)
    x0, P0 = state(rng)
    xs, Ps, mu = modes(rng, x0, P0)
    own = shares(rng)
    origin, C = x0[:3] + dt * x0[3:] + rng.normal(size=3) * 10, frame(rng)[1]
    z = np.concatenate((np.zeros(3), C @ x0[3:] + rng.normal(size=3)))
    var = np.array([100.0, 100, 225, 1, 1, 1])
    (x, P), m, t_ns = columns(xs, Ps), mu[None].copy(), NO.copy()
    xm, Pm, outcome = np.array([mu @ xs]), np.array([P0]), np.zeros(1, np.uint8)
    now = np.array([round(dt * 1e9)])
    wide = np.array([1e-9, 1e-9]), np.array([1e12, 1e12])
    update.update_assigned(
        NO, NO, t_ns, x, P, m, own[None].copy(), xm, Pm, z[None], var[None], np.zeros(1, np.bool_), now, origin[None],
        C[None], np.zeros(1), GENERATOR, MOTION, np.ones(3) / 3, SHARE_BIRTH, np.full(7, 1e9),
        np.array([600.0, 0.5, 100.0, 5.0]),
        np.array([400.0, 25.0]), *wide, outcome,
    )  # fmt: skip
    assert outcome[0] == update.USED
    want_mu, want_x, want_P = twin.update_assigned(
        xs, Ps, mu, own, now[0] * 1e-9, GENERATOR, MOTION, SHARE_BIRTH, 1e9, z, var, origin, C
    )
    large = want_mu > 1e-6
    np.testing.assert_allclose(m[0], want_mu, rtol=1e-4, atol=1e-8)
    got_x, got_P = rows_of(x, P)
    np.testing.assert_allclose(got_x[large], want_x[large], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(got_P[large], want_P[large], rtol=1e-3, atol=1e-3)


def test_a_restarted_track_stands_where_its_report_says(rng):
    xs, Ps, mu = modes(rng, *state(rng))
    (origin, C), z = frame(rng), np.array([0.0, 0, 0, 12, -5, 1])
    var = np.array([100.0, 100, 225, 1, 1, 1])
    x_last = xs[0].copy()
    update.restart(xs, Ps, mu, x_last, z, var, origin, C, 10.0, np.ones(3) / 3, np.array([400.0, 25.0]))
    want_x, want_var = twin.restart(z, var, C, origin)
    for m in range(3):
        np.testing.assert_allclose(xs[m], want_x)
        np.testing.assert_allclose(Ps[m], np.diag(want_var))


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 15))
def test_a_track_born_of_a_report_says_what_the_report_said(seed, mask):
    rng = np.random.default_rng(seed)
    origin, C = frame(rng)
    z, var = np.concatenate((np.zeros(3), rng.normal(size=3) * 20)), rng.uniform(1, 100, 6)
    z[[k + 2 for k in range(4) if mask >> k & 1]] = np.nan
    x, P = np.empty(6), np.empty((6, 6))
    birth.born_of_report(z, var, origin, C, 5000.0**2, np.array([400.0, 25.0]), x, P)
    want_x, want_P = birth_twin.born_of_report(z, var, origin, C, 5000.0**2, np.array([400.0, 25.0]))
    np.testing.assert_allclose(x, want_x, atol=1e-9)
    np.testing.assert_allclose(P, want_P, rtol=1e-9, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_settling_is_the_twins(seed):
    rng = np.random.default_rng(seed)
    xs, Ps, mu = modes(rng, *state(rng))
    floor, ceiling = np.array([300.0, 1.0]), np.array([900.0, 30.0])
    want_P, want_ok = motion_twin.settle(xs, Ps, mu, floor, ceiling)
    (x, P), sheet, xm, Pm, L = columns(xs, Ps), np.zeros(SHEET), np.zeros(6), np.zeros((6, 6)), np.zeros((6, 6))
    take(x, P, 0, sheet)
    assert settle(sheet, mu, xm, Pm, L, floor, ceiling) == want_ok
    give(sheet, x, P, 0)
    np.testing.assert_array_equal(rows_of(x, P)[0], xs)
    np.testing.assert_allclose(rows_of(x, P)[1], want_P, rtol=1e-9)
    if want_ok:
        np.testing.assert_allclose(1.0 / np.diag(L), np.diag(linalg_twin.cholesky(Pm)) ** 2, rtol=1e-6)


def test_reports_are_of_the_kind_the_kernels_think():
    assert (RADAR, REPORT) == (1, 3)
