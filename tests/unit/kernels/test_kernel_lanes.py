"""What is done in lanes against what the same functions do to arrays outside compiled code."""

import numpy as np
import pytest

from lowsky.kernels import lanes
from lowsky.kernels.compiled import njit
from lowsky.kernels.lanes import (
    LANES,
    any_above,
    choose,
    first,
    higher,
    load,
    load_first,
    lower,
    put,
    put_first,
    root,
    spread,
    times_two_to,
    total,
)

N_ROW = 12


def everything(a, b, n, out):
    """Each operation once; row k of ``out`` is the k-th's."""
    x, y = load(a, 0), load_first(b, 1, n)
    put(out, 0, x * y + 1.5 - x / (y + 2.0))
    put(out, LANES, choose(x, 0.3, y, -x))
    put(out, 2 * LANES, choose(0.3, x, 1.0, y))
    put(out, 3 * LANES, times_two_to(x, spread(-3.0)))
    put_first(out, 4 * LANES, n, root(higher(x, 0.25)))
    put(out, 5 * LANES, first(n) * lower(x, y))
    put(out, 6 * LANES, 2.0 / (3.0 - x))
    return total(x), any_above(x, 2.0), any_above(x, 0.0)


compiled = njit(everything)


@pytest.mark.parametrize("n", [1, 5, 8])
def test_compiled_lanes_are_rounded_as_arrays_are(rng, n):
    a, b = rng.random(LANES), rng.random((3, 4))
    got, want = np.zeros(N_ROW * LANES), np.zeros(N_ROW * LANES)
    assert compiled(a, b, n, got) == everything(a, b, n, want)
    np.testing.assert_array_equal(got, want)


@njit
def functions(a, out):
    v = load(a, 0)
    put(out, 0, lanes.exp(v))
    sine, less = lanes.turned(v)
    put(out, LANES, sine)
    put(out, 2 * LANES, less)
    put(out, 3 * LANES, lanes.whole(v))


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1.0, 5.0, 60.0])
def test_functions_of_lanes_are_numpys(rng, size):
    out = np.zeros((4, LANES))
    for _ in range(50):
        a = rng.normal(size=LANES) * size
        functions(a, out)
        np.testing.assert_allclose(out[0], np.exp(a), rtol=2e-15)
        np.testing.assert_allclose(out[1], np.sin(a), rtol=1e-13, atol=1e-14 * (size > 1.0))
        np.testing.assert_allclose(out[2], 2.0 * np.sin(0.5 * a) ** 2, rtol=1e-13, atol=1e-14 * (size > 1.0))
        np.testing.assert_array_equal(out[3], np.rint(a))


def test_an_exponential_has_no_zero_no_infinity_and_no_nan(rng):
    out = np.zeros((4, LANES))
    functions(np.array([-1e9, -np.inf, np.nan, -708.0, 0.0, 1.0, 709.0, 1e9]), out)
    assert (out[0] > 0.0).all() and np.isfinite(out[0]).all()
    assert out[0, 4] == 1.0
