"""Claims against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import claims as twin
from tests.unit.kernels.draws import BEARING, RADAR, covariance, frame, pad, state

from lowsky.kernels import claims as kernel

SEEDS = st.integers(0, 2**32 - 1)
LAW = np.array([60.0, 1.0, 10.0, 10.0049, 15.0049])  # never just so long
WIDE = np.array([10.0, 50.0, 0.35, 3.0])
ESCORTS = np.array([250.0, 2000.0, 1.5, 0.3, 2.0, 15.0, 150.0, 300.0])
SECOND = 1_000_000_000
SIGMA = {RADAR: [10.0, 0.02, 0.03, 0.5], BEARING: [0.03, 0.05]}
SIGMA_ERRORS = np.array([5.0, 0.005, 0.005, 0.1, 2.0, 2.0])


class Followed:
    """Columns of K claims, as the kernels want them."""

    def __init__(self, k):
        self.t_ns, self.n, self.other_t_ns, self.other_n = (np.zeros(k, np.int64) for _ in range(4))
        self.last, self.swaps, self.twin_ns = (np.zeros(k, np.int64) for _ in range(3))
        self.x, self.other_x, self.var = np.zeros((k, 6)), np.zeros((k, 6)), np.zeros((k, 3))

    def hear(self, slot, t_s, place, velocity, var):
        n = len(slot)
        chain, moved = np.empty(n, np.uint8), np.empty(n, np.bool_)
        kernel.follow_claims(
            np.array(slot), np.round(np.array(t_s) * SECOND).astype(np.int64), np.array(place), np.array(velocity),
            np.array(var), LAW, self.t_ns, self.x, self.var, self.n, self.other_t_ns, self.other_x, self.other_n,
            self.last, self.swaps, self.twin_ns, chain, moved,
        )  # fmt: skip
        return chain, moved


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.booleans())
def test_reports_follow_their_claim_or_another_place_of_its_name_as_in_the_twin(seed, speaks):
    rng = np.random.default_rng(seed)
    n = 40
    slot, t_s = (
        rng.integers(0, 2, n),
        np.cumsum(rng.choice([0.0, 0.31, 1.03, 4.07, 12.11], n, p=[0.1, 0.4, 0.4, 0.08, 0.02])),
    )
    home = rng.choice([0.0, 0.0, 800.0, 3000.0], n)  # of the place it speaks from
    place = np.column_stack((home + 10.0 * t_s, rng.normal(0, 5, n), np.full(n, 100.0))) + rng.normal(0, 3, (n, 3))
    velocity = np.tile([10.0, 0.0, 0.0], (n, 1)) if speaks else np.full((n, 3), np.nan)
    var = np.tile([25.0, 100.0, 1.0], (n, 1))
    followed = Followed(2)
    chain, moved = followed.hear(slot, t_s, place, velocity, var)
    rounded = np.round(t_s * SECOND) / SECOND
    told = [
        (int(s), t, p, v if speaks else None, 25.0) for s, t, p, v in zip(slot, rounded, place, velocity, strict=True)
    ]
    want, claims = twin.follow_claims(told, LAW)
    assert [("other" if c else "main", bool(m)) for c, m in zip(chain, moved, strict=True)] == want
    for s, claim in claims.items():
        np.testing.assert_allclose(followed.x[s], np.concatenate((claim["p"], claim["v"])), rtol=1e-9, atol=1e-6)
        assert (followed.twin_ns[s] > 0) == claim["twin"]


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_a_recording_played_again_is_found_as_by_looking_for_it(seed):
    rng = np.random.default_rng(seed)
    n, size, least = 80, 32, np.array([4.0, 20.0, 3.0])
    key = rng.integers(0, 6, n) if seed % 2 else np.tile(rng.permutation(25), 4)[:n]
    place = np.column_stack((key * 9.0, key**2 * 1.0, np.zeros(n)))
    t_ns = (np.arange(n) + 1) * SECOND
    ring, ring_t_ns = np.zeros((1, size), np.int64), np.zeros((1, size), np.int64)
    ring_n, lag, run, found_ns, lag_ns = (np.zeros(1, np.int64) for _ in range(5))
    run_m, found = np.zeros((1, 3)), []
    for k in range(n):
        one = slice(k, k + 1)
        kernel.repeats(
            np.zeros(1, np.int64), t_ns[one], place[one], key[one].astype(np.int64), least, ring, ring_t_ns, ring_n,
            lag, run, run_m, found_ns, lag_ns,
        )  # fmt: skip
        found.append(bool(found_ns[0] == t_ns[k]))
    assert found == twin.repeats(list(zip(key.tolist(), place[:, :2], strict=True)), least, size)
    if not seed % 2:
        assert found[-1]
        assert lag_ns[0] == 25 * SECOND


def looked(rng, kind):
    """A claim near a sensor and what the sensor sees of it."""
    (x, _), (origin, C) = state(rng), frame(rng)
    var = np.array([25.0, 100.0, 1.0])
    sigma = np.array(SIGMA[kind])
    n = len(sigma)
    dt = rng.uniform(-1.0, 2.0)
    z = twin.predicted(kind, x, dt, origin, C, n) + rng.normal(size=n) * sigma * 2.0
    z[rng.random(n) < 0.2] = np.nan
    return x, var, origin, C, z, sigma**2, dt


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([RADAR, BEARING]))
def test_a_row_at_a_claim_has_the_density_of_its_normal_distribution(seed, kind):
    rng = np.random.default_rng(seed)
    x, var, origin, C, z, var_row, dt = looked(rng, kind)
    if np.isnan(z).all() or np.hypot(*(C @ (x[:3] - origin))[:2]) < 300.0:
        return
    P_error = covariance(rng, SIGMA_ERRORS)
    P = np.zeros((6, 6))
    kernel.claim_covariance(x, var, dt, WIDE, P)
    np.testing.assert_allclose(P, twin.claim_covariance(x, var, dt, WIDE), rtol=1e-12, atol=1e-12)
    want = twin.log_density(kind, x, z, var_row, dt, origin, C, P, P_error)
    shapes = 6, (6, 6), 6, 3, 3, 3, (6, 6), (6, 6), (6, 6), 6, 6, (6, 6)
    *work, J = (np.zeros(shape) for shape in shapes)
    work[6][:] = P
    work = (*work, np.zeros(6, np.int64), J)
    got = kernel.log_density(kind, x, pad(z), pad(var_row, 1.0), dt, origin, C, 0.0, P_error, work)
    assert got == pytest.approx(want, rel=1e-3, abs=0.01)


def test_a_look_counts_rows_that_are_nobodys_or_the_claims_own():
    rng = np.random.default_rng(5)
    x, var, origin, C, z, var_row, _ = looked(rng, RADAR)
    z = twin.predicted(RADAR, x, 0.0, origin, C, 4)
    rows = np.array([pad(z), pad(z + 1e-4), pad(z)])
    owner = np.array([-1, 7, 3])
    ratio, within = np.empty(2), np.empty(2)
    claims = np.array([x, x])
    kernel.look_at_claims(
        RADAR, np.array([0, 1]), 0, rows, np.tile(pad(var_row, 1.0), (3, 1)), np.zeros(3, np.int64), np.full(3, 1e-9),
        owner, np.array([3, 7]), origin, C, 0.0, np.zeros((6, 6)),
        np.array([10.0, 9000.0, 0.0, 2.0 * np.pi, -2.0, 2.0]), WIDE, np.zeros(2, np.int64), claims,
        np.tile(var, (2, 1)), ratio, within,
    )  # fmt: skip
    want = twin.look_at_claims(
        RADAR, [(0.0, x, var)] * 2, [(0.0, row, var_row) for row in rows], np.full(3, 1e-9), owner, [3, 7], origin, C,
        np.zeros((6, 6)), WIDE,
    )  # fmt: skip
    np.testing.assert_allclose(ratio, want, rtol=1e-3)
    np.testing.assert_allclose(within, 1.0, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([RADAR, BEARING]))
def test_a_row_tells_of_the_offset_what_its_derivatives_say(seed, kind):
    rng = np.random.default_rng(seed)
    x, var, origin, C, z, var_row, dt = looked(rng, kind)
    if np.hypot(*(C @ (x[:3] - origin))[:2]) < 500.0:
        return
    J, y, n = np.zeros((1, 3, 3)), np.zeros((1, 3)), np.zeros(1)
    one = np.zeros(1, np.int64)
    kernel.take_offsets(
        kind, one, one, np.array([0.7]), pad(z)[None], pad(var_row, 1.0)[None],
        np.array([round(dt * SECOND)]), origin, C, 0.0, WIDE, one, x[None], var[None], J, y, n,
    )  # fmt: skip
    want_J, want_y = twin.take_offsets(kind, x, var, z, var_row, 0.7, round(dt * SECOND) / SECOND, origin, C, WIDE)
    np.testing.assert_allclose(J[0], want_J, rtol=1e-4, atol=1e-4 * np.abs(want_J).max() + 1e-12)
    np.testing.assert_allclose(y[0], want_y, rtol=1e-3, atol=1e-3 * np.abs(want_y).max() + 1e-9)
    assert n[0] == 0.7


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.integers(0, 3))
def test_evidence_on_an_offset_is_what_completing_the_square_gives_also_where_it_is_singular(seed, rank):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rank, 3)) / 20.0
    J, Sigma = A.T @ A, covariance(rng, [30.0, 30.0, 50.0])
    y = A.T @ rng.normal(size=rank) * 3.0
    got = kernel.log_evidence(J[None], y[None], Sigma[None])
    assert got[0] == pytest.approx(twin.log_evidence(J, y, Sigma), rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 5))
def test_tracks_that_fly_like_a_claim_are_weighed_as_in_the_twin(seed, n):
    rng = np.random.default_rng(seed)
    x, _ = state(rng)
    var = np.array([25.0, 100.0, 1.0])
    xm = x + rng.normal(size=(n, 6)) * [300, 300, 30, 4, 4, 1]
    Pm = np.array([covariance(rng, [15, 15, 15, 2, 2, 2]) for _ in range(n)]).reshape(n, 6, 6)
    S = covariance(rng, [20.0, 20.0, 50.0])
    now, t_claim, t_track = 5 * SECOND, 4 * SECOND, np.full(n, int(4.5 * SECOND))
    elsewhere, here, alike, best = np.empty(1), np.empty(1), np.empty(1), np.empty(1, np.int64)
    kernel.find_escorts(
        np.zeros(1, np.int64), now, np.array([t_claim]), x[None], var[None], WIDE, S[None], ESCORTS, np.arange(n),
        t_track, xm, Pm, elsewhere, here, best, alike,
    )  # fmt: skip
    want = twin.find_escorts((x, var, 1.0), [(a, P, 0.5) for a, P in zip(xm, Pm, strict=True)], S, ESCORTS, WIDE)
    assert elsewhere[0] == pytest.approx(want[0], rel=1e-6, abs=1e-30)
    assert here[0] == pytest.approx(want[1], rel=1e-6, abs=1e-30)
    assert best[0] == want[2]
