"""How many objects are expected where no track is: learnt, and told apart from clutter."""

import numpy as np
import pytest
from tests.unit.track.track_scenes import SECOND, T0, batch, look, plots, radar, site, straight

from lowsky.model.measurement import MeasurementKind
from lowsky.model.ports import Tick
from lowsky.track.population import Population, objects_among, overlap
from lowsky.track.settings import TrackerSettings
from lowsky.track.tracker import Tracker

SETTINGS = TrackerSettings()


def newborn(tracker):
    """Existence of the candidates that the last look gave birth to."""
    table = tracker._core.table
    n = table.n
    return table.r[:n][table.t_born_ns[:n] == table.t_born_ns[:n].max()]


def run(rng, states_of, seconds, **changes):
    sensor = radar(**changes)
    tracker = Tracker(site(sensor))
    for t in range(1, seconds + 1):
        tracker.step(look(rng, sensor, t, states_of(t)))
    return tracker


def nobody(t):
    return np.empty((0, 6))


def test_a_plot_in_an_empty_sky_is_believed_less_the_longer_it_has_been_empty(rng):
    first, later = newborn(run(rng, nobody, 1)).max(), newborn(run(rng, nobody, 60)).max()
    assert later < 0.05 * first


def test_in_a_raid_a_new_plot_is_believed_more_than_in_an_empty_sky(rng):
    def raid(t):
        """One more object every second."""
        starts = [[3000 - 40 * k, -2500 + 100 * k, 200] for k in range(t)]
        return np.array([straight(p, [-20, 0, 0], t)[0] for p in starts])

    raided, empty = run(rng, raid, 40), run(rng, nobody, 40)
    assert np.median(newborn(raided)) > 10 * np.median(newborn(empty))


def test_more_plots_than_the_site_file_promises_are_objects_and_as_many_are_not():
    few = objects_among(20.0, 20.0, 0.9, 5.0, 0.5, 0.3)
    many = objects_among(820.0, 200.0, 0.8, 5.0, 0.5, 0.3)
    assert few < 5.0
    assert many > 30 * few


def test_a_look_leaves_fewer_undetected_where_it_looked_and_no_fewer_elsewhere(rng):
    near, far = radar("near"), radar("far", place=(40_000.0, 0.0, 5.0))
    tracker = Tracker(site(near, far))
    population, stations = tracker._core.population, tracker._core.stations
    before = population.undetected(stations["far"])[0]
    tracker.step(look(rng, near, 1, nobody(1)))
    assert population.undetected(stations["far"])[0] == pytest.approx(before)
    assert population.undetected(stations["near"])[0] < 0.2 * before


def test_two_radars_in_one_place_overlap_and_a_small_one_lies_in_a_large_one():
    sensors = radar("a"), radar("b"), radar("small", max_range_m=1000.0)
    a, b, small = Tracker(site(*sensors))._core.stations.values()
    assert overlap(a, b) == 1.0
    assert overlap(a, small) == 1.0
    assert 0.1 < overlap(small, a) < 0.3


def test_objects_that_stay_are_believed_through_more_misses_than_at_first(rng):
    tracker = run(rng, lambda t: straight([1500, 1500, 150], [8, -8, 0], t), 120)
    assert tracker._core.population.end_rate < 0.75 / SETTINGS.survival_s


def test_what_is_known_of_the_population_is_saved(rng):
    tracker = run(rng, lambda t: straight([1500, 1500, 150], [8, -8, 0], t), 20)
    saved = tracker._core.population
    other = Population(list(tracker._core.stations.values()), SETTINGS)
    other.load(saved.dump())
    for population in (saved, other):
        population.advance(T0 + 30 * SECOND)
    station = next(iter(tracker._core.stations.values()))
    assert other.undetected(station) == saved.undetected(station)
    assert other.end_rate == saved.end_rate


def test_a_first_plot_low_down_is_believed_more_than_one_high_up_and_that_is_not_impossible(rng):
    def four(t):
        return np.array([[x, y, up, 0.0, 0.0, 0.0] for x, y, up in ((3000, 0, 100), (-3000, 0, 120))] + [HIGH])

    HIGH = [100.0, 2500.0, 2000.0, 0.0, 0.0, 0.0]
    table = run(rng, four, 1, clutter_per_look=1.0, detection_probability=0.99)._core.table
    up, r = table.xm[: table.n, 2], table.r[: table.n]
    low, high = r[up < 400.0], r[up > 1500.0]
    assert low.min() > 2 * high.max()
    assert high.max() > 0.01


def test_new_objects_are_expected_where_others_came_from_and_elsewhere_as_if_nobody_had(rng):
    def raid(t):
        starts = [[3000 - 40 * k, 100 * k, 200] for k in range(t)]
        return np.array([straight(p, [-20, 0, 0], t)[0] for p in starts])

    tracker = run(rng, raid, 30)
    population, station = tracker._core.population, next(iter(tracker._core.stations.values()))
    where = np.array([[r, np.radians(angle), 0.0, 0.0, 0.0, 0.0] for r, angle in ((2900.0, 60.0), (800.0, 240.0))])
    there, elsewhere = population.times(station, where)
    assert there > 3.0
    assert elsewhere < 0.3
    assert population.undetected(station)[0] * elsewhere > 0.1 * SETTINGS.objects_per_s


def test_a_radar_that_tells_neither_its_looks_nor_their_period_does_not_take_what_it_finds_for_proof_of_more(rng):
    """Each plot alone, as it comes: had it looked at nothing, twenty found objects would mean thousands unfound."""
    sensor = radar(look_period_s=None, clutter_per_look=0.2)
    tracker = Tracker(site(sensor))
    for k in range(600):
        t_ns = T0 + k * SECOND // 10
        place = [1000 + 150 * (k % 20), -1500 + 170 * (k % 20), 150]
        z = plots(sensor, straight(place, [6, -4, 0], k / 10)) + rng.normal(0, [10, 0.009, 0.017, 0.5], (1, 4))
        tracker.step(Tick(t_ns, batch(sensor, MeasurementKind.RADAR, t_ns, z)))
    core = tracker._core
    assert core.population.undetected(core.stations["radar"])[0] < 5.0
    assert (core.table.track_id[: core.table.n] > 0).sum() == 20
