"""Quality tables, row by row against the source's."""

import math
from itertools import pairwise

import pytest

from lowsky.wire.adsb.integrity import (
    EPU_M,
    GVA_95_M,
    NIC,
    RC_M,
    SIGMA_PER_95_LINE,
    SIGMA_PER_95_PLANE,
    SIGMA_PER_RC,
    VELOCITY_95_MPS,
)  # fmt: skip

NM = 1852.0


@pytest.mark.parametrize(
    ("version", "tc", "a", "b", "c", "nic", "rc"),
    [
        (0, 11, 0, 0, 0, 8, 0.1 * NM), (0, 13, 0, 0, 0, 6, 0.5 * NM), (0, 16, 0, 0, 0, 1, 10 * NM),
        (1, 7, 1, 0, 0, 9, 75.0), (1, 11, 1, 0, 0, 9, 75.0), (1, 13, 1, 0, 0, 6, 0.6 * NM),
        (1, 16, 1, 0, 0, 3, 4 * NM), (1, 16, 0, 0, 0, 2, 8 * NM),
        (2, 5, 0, 0, 0, 11, 7.5), (2, 6, 0, 0, 0, 10, 25.0), (2, 7, 1, 0, 0, 9, 75.0), (2, 7, 0, 0, 0, 8, 0.1 * NM),
        (2, 8, 1, 0, 1, 7, 0.2 * NM), (2, 8, 1, 0, 0, 6, 0.3 * NM), (2, 8, 0, 0, 1, 6, 0.6 * NM),
        (2, 8, 0, 0, 0, 0, None), (2, 9, 0, 0, 0, 11, 7.5), (2, 10, 0, 0, 0, 10, 25.0),
        (2, 11, 1, 1, 0, 9, 75.0), (2, 11, 0, 0, 0, 8, 0.1 * NM), (2, 12, 0, 0, 0, 7, 0.2 * NM),
        (2, 13, 0, 1, 0, 6, 0.3 * NM), (2, 13, 0, 0, 0, 6, 0.5 * NM), (2, 13, 1, 1, 0, 6, 0.6 * NM),
        (2, 14, 0, 0, 0, 5, NM), (2, 15, 0, 0, 0, 4, 2 * NM), (2, 16, 1, 1, 0, 3, 4 * NM),
        (2, 16, 0, 0, 0, 2, 8 * NM), (2, 17, 0, 0, 0, 1, 20 * NM), (2, 18, 0, 0, 0, 0, None),
        (2, 20, 0, 0, 0, 11, 7.5), (2, 21, 0, 0, 0, 10, 25.0), (2, 22, 0, 0, 0, 0, None),
    ],
)  # fmt: skip
def test_type_code_and_supplements_give_nic_and_radius(version, tc, a, b, c, nic, rc):
    assert NIC[version, tc, a, b, c] == nic
    if rc is None:
        assert math.isnan(RC_M[version, tc, a, b, c])
    else:
        assert RC_M[version, tc, a, b, c] == pytest.approx(rc)


def test_supplements_that_do_not_exist_change_nothing():
    assert (NIC[2, 11, 1, 1, 1], NIC[2, 11, 1, 1, 0]) == (9, 9)
    assert (NIC[2, 7, 1, 1, 0], NIC[2, 7, 1, 0, 0]) == (9, 9)


def test_no_promise_is_better_than_its_neighbour_of_lower_category():
    for column in (EPU_M[1:12], VELOCITY_95_MPS[1:5], GVA_95_M[1:3]):
        assert all(better < worse for worse, better in pairwise(column))


def test_one_sigma_of_a_bound_holds_the_share_it_should():
    assert 1.0 - math.exp(-0.5 / SIGMA_PER_95_PLANE**2) == pytest.approx(0.95)
    assert math.exp(-0.5 / SIGMA_PER_RC**2) == pytest.approx(1e-7)
    assert math.erf(1.0 / SIGMA_PER_95_LINE / math.sqrt(2.0)) == pytest.approx(0.95, abs=1e-6)
