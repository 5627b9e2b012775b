"""Rows made ready and rows of the table moved, against their twins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import existence as existence_twin
from tests.reference import rows as twin

from lowsky.kernels import existence, rows, table

SEEDS = st.integers(0, 2**32 - 1)
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, -1e9, 2.0, 0.5, 1.0])


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.sampled_from([(1, 4), (1, 5), (2, 2), (3, 6)]), st.booleans(), st.booleans())
def test_only_sane_rows_are_kept_and_the_others_counted(seed, shape, has_pressure, has_scale):
    rng = np.random.default_rng(seed)
    (kind, width), n = shape, int(rng.integers(0, 12))
    z_in = np.where(rng.random((n, width)) < 0.3, rng.choice(ODD, (n, width)), rng.uniform(0, 2, (n, width)))
    sigma_in = np.where(rng.random((n, width)) < 0.5, rng.choice(ODD, (n, width)), rng.uniform(0, 2, (n, width)))
    scale = rng.uniform(0.5, 2.0, n) if has_scale else np.empty(0)
    bounds = rng.uniform(0.2, 1.0, width), scale, np.full(width, 0.1), np.full(width, 1.5)
    pressure = rng.choice([np.nan, 100.0, 1e9], n) if has_pressure else np.empty(0)
    t_ns = rng.integers(0, 10, n)
    z, var, weak, keep = np.empty((n, 6)), np.empty((n, 6)), np.empty(n, np.bool_), np.empty(n, np.int64)
    kept, bad, late = rows.sane_rows(kind, z_in, sigma_in, *bounds, pressure, 9.0, t_ns, 7, z, var, weak, keep)
    with np.errstate(all="ignore"):
        want, want_bad, want_late = twin.sane_rows(kind, z_in, sigma_in, *bounds, pressure, 9.0, t_ns, 7)
    assert (bad, late) == (want_bad, want_late)
    assert kept + bad + late == n
    for got, expected in zip((z, var, weak, keep), want, strict=True):
        np.testing.assert_array_equal(got[:kept], expected)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_an_order_is_settled_only_where_a_full_sort_would_be_the_same(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    z, t_ns = rng.choice([1.0, 2.0, 3.0, 4.0, np.nan], (n, 6), p=[0.24] * 4 + [0.04]), rng.integers(0, 1.2, n)
    t_ns, source = np.asarray(t_ns, np.int64), rng.permutation(n)
    order = np.argsort(z[:, 0])
    if rows.is_settled(order, z, t_ns, source):
        np.testing.assert_array_equal(order, np.lexsort((*z.T[::-1], t_ns[source])))
    var, weak = rng.random((n, 6)), rng.random(n) < 0.5
    got = rows.put_in_order(order, z, var, weak, t_ns, source)
    for column, want in zip(got, (z, var, weak, t_ns[source], source), strict=True):
        np.testing.assert_array_equal(column, want[order])


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.booleans(), st.booleans())
def test_what_is_nobodys_is_false_or_new(seed, is_density, is_radar):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    z, extent = rng.uniform([200, 0, -0.1, -60, 0, 0], [4000, 6, 1.2, 60, 100, 1], (n, 6)), rng.uniform(1, 10, 6)
    z[rng.random(n) < 0.2, 0] -= 2000.0  # a correction may put a plot behind the radar
    z[:, 1:][rng.random((n, 5)) < 0.3] = np.nan
    var, new = rng.uniform(1e-4, 1e-2, (n, 6)), rng.uniform(0.01, 2, n)
    clutter = rng.uniform(0.1, 1, n if is_density else 1)
    prior = np.array([150.0, 150.0, 0.05, 0.0, extent[2], 16.0, 0.2]) if is_radar else np.empty(0)
    rho, share = np.empty(n), np.empty(n)
    rows.false_and_new(z, var, extent, clutter, is_density, new, prior, rho, share)
    want_rho, want_share = twin.false_and_new(z, var, extent, clutter, is_density, new, prior)
    assert np.isfinite(rho).all()
    np.testing.assert_allclose(rho, want_rho)
    np.testing.assert_allclose(share, want_share)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_rows_of_the_table_are_found_shielded_and_moved_as_numpy_would(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    track_id, r, status = rng.integers(0, 2, n), rng.random(n), rng.integers(1, 5, n).astype(np.uint8)
    hits, born_by = rng.integers(1, 4, n), rng.integers(0, 3, n)
    found = existence.likely(n, track_id, r, hits, born_by, 0.4, 2)
    np.testing.assert_array_equal(found, np.flatnonzero((track_id == 0) & (r >= 0.4) & ((hits >= 2) | (born_by == 0))))
    ended = np.flatnonzero(rng.random(n) < 0.2)
    dead = existence.weak_rows(n, track_id, r, status, ended, 0.3)
    np.testing.assert_array_equal(dead, existence_twin.weak_rows(track_id, r, status, ended, 0.3))
    t_report_ns, interval_s = rng.integers(0, 5, n), rng.uniform(0, 2, n)
    shielded = existence.shielded_tracks(n, 5, 2.0, interval_s, t_report_ns)
    np.testing.assert_array_equal(shielded, (t_report_ns > 0) & (5 - t_report_ns <= 2.0 * interval_s))
    columns = rng.integers(0, 256, (n, 3), np.uint8), rng.integers(0, 256, (n, 8), np.uint8)
    left = n - len(dead)
    holes, living = dead[dead < left], np.setdiff1d(np.arange(left, n), dead)
    want = [column.copy() for column in columns]
    for column in want:
        column[holes] = column[living]
    table.fill_holes(columns, holes, dead[len(holes) :], left, n)
    for column, expected in zip(columns, want, strict=True):
        np.testing.assert_array_equal(column[:left], expected[:left])
    table.clear_rows(columns, 0, left)
    assert not any(column[:left].any() for column in columns)
