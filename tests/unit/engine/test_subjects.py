"""What an output may say of an alert's objects."""

import numpy as np

from lowsky.engine.subjects import radius_95_m


def test_the_circle_holds_95_percent_of_where_the_object_may_be_however_long_its_ellipse():
    rng = np.random.default_rng(100)
    for sigmas in ((10.0, 10.0), (30.0, 10.0), (500.0, 2.0)):
        turn = np.array([[0.8, -0.6], [0.6, 0.8]])
        P = turn @ np.diag(np.square(sigmas)) @ turn.T
        radius = radius_95_m(P[None])[0]
        drawn = rng.multivariate_normal((0.0, 0.0), P, 100_000)
        inside = (np.hypot(*drawn.T) <= radius).mean()
        assert abs(inside - 0.95) < 0.004  # 5.8 σ of the share of 100,000 draws


def test_a_round_one_has_the_radius_of_the_textbook():
    assert abs(radius_95_m(np.eye(2)[None] * 9.0)[0] - 3.0 * np.sqrt(-2.0 * np.log(0.05))) < 1e-4
