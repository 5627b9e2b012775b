"""The side-by-side benchmark gives the peer what lowsky gets, and counts alike."""

import os

import numpy as np
import pytest
from benchmarks.peers import alternate, lines, read, speeds, summary
from benchmarks.stonesoup_peer import POSITION, SETTINGS, VELOCITY, StoneSoup, Table, View, configuration, time_of
from scipy.stats import chi2
from stonesoup.types.state import State

from lowsky.engine.config import read_site
from lowsky.evaluate import evaluate
from lowsky.evaluate.tables import read_truth
from lowsky.geo.enu import EnuFrame
from lowsky.geo.polar import polar_from_enu
from lowsky.model.measurement import DIM, MeasurementBatch, MeasurementKind
from lowsky.simulate import simulate

ANY_NS = 1_777_000_000_500_000_000


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """S6: two radars, a direction finder, a camera and Remote ID, away from the site's origin."""
    return world_in(tmp_path_factory.mktemp("mixed"), "mixed", 6.0)


def world_in(folder, scenario, duration_s):
    world = simulate(scenario, seed=100, duration_s=duration_s)
    (folder / "site.toml").write_text(world.site_toml, encoding="utf-8")
    world.measurements.write_parquet(folder / "measurements.parquet")
    return world, read_site(folder / "site.toml"), folder


def frame_of(site):
    return EnuFrame.at(site.latitude_rad, site.longitude_rad, site.height_m)


def batch_of(sensor, z):
    t = np.full(len(z), ANY_NS)
    return MeasurementBatch(sensor.id, sensor.measures, t, t.copy(), z, np.full((len(z), DIM[sensor.measures]), np.nan))


def seen_by(sensor, site, pos, vel):
    """What the sensor would measure of points in the site's frame, without noise, as lowsky's columns."""
    frame = frame_of(site)
    geodetic = frame.geodetic(pos)
    if sensor.measures == MeasurementKind.REPORT:
        turn = frame.local_from_enu(geodetic[:, 0], geodetic[:, 1])
        return np.hstack((geodetic, np.einsum("nij,nj->ni", turn, vel)))
    own = EnuFrame.at(sensor.latitude_rad, sensor.longitude_rad, sensor.height_m)
    there = own.pos_enu(geodetic[:, 0], geodetic[:, 1], geodetic[:, 2])
    polar = polar_from_enu(there)
    if sensor.measures == MeasurementKind.BEARING:
        return polar[:, 1:].copy()
    vel_own = vel @ (own.enu_from_ecef @ frame.enu_from_ecef.T).T
    return np.column_stack((polar, (there * vel_own).sum(axis=1) / polar[:, 0]))


def places(rng, n=40):
    return rng.uniform((-3000, -3000, 30), (3000, 3000, 300), (n, 3)), rng.normal(0, 15, (n, 3))


def test_plots_become_the_places_they_were_made_from(mixed, rng):
    _, site, _ = mixed
    pos, vel = places(rng)
    radars = [s for s in site.sensors if s.measures == MeasurementKind.RADAR]
    assert len(radars) == 2
    for sensor in radars:
        view = View(sensor, frame_of(site))
        found = view.detections(batch_of(sensor, seen_by(sensor, site, pos, vel)))
        inverse = np.array([[d.measurement_model.inverse_function(d)[k, 0] for k in POSITION] for d in found], float)
        for given in (inverse, np.array([d.place for d in found])):
            apart = np.linalg.norm(given[:, None] - pos, axis=2)
            assert sorted(apart.argmin(axis=1)) == list(range(len(pos)))
            assert apart.min(axis=1).max() < 1e-5


def test_what_stone_soup_expects_of_a_state_is_what_the_sensor_measures(mixed, rng):
    """Azimuth clockwise from north and bearing from east agree; so do rates, reports and lone bearings."""
    _, site, _ = mixed
    pos, vel = places(rng, 1)
    x = np.empty((6, 1))
    x[POSITION, 0], x[VELOCITY, 0] = pos[0], vel[0]
    assert {s.kind for s in site.sensors} == {"radar", "direction-finder", "camera", "cooperative"}
    for sensor in site.sensors:
        (detection,) = View(sensor, frame_of(site)).detections(batch_of(sensor, seen_by(sensor, site, pos, vel)))
        expected = detection.measurement_model.function(State(x))
        error = (detection.state_vector - expected).astype(float).ravel()
        sigma = np.sqrt(np.diag(detection.measurement_model.covar()))
        assert len(error) == {"radar": 4, "direction-finder": 1, "camera": 2, "cooperative": 6}[sensor.kind]
        # a direction finder's frame leans by half a milliradian, and it does not know the elevation
        assert np.abs(error / sigma).max() < (1e-2 if sensor.kind == "direction-finder" else 1e-5), sensor.id


def test_simulated_plots_and_reports_lie_about_the_truth_as_their_sigmas_say(mixed, tmp_path):
    """Σ of squared normalised errors over a run inside the 99.9 % band of χ². False alarms are left out."""
    world, site, _ = mixed
    (tmp_path / "site.toml").write_text(world.site_toml, encoding="utf-8")
    world.measurements.filter(world.made_by >= 0).write_parquet(tmp_path / "measurements.parquet")
    _, ticks = read(tmp_path)
    frame, truth = frame_of(site), read_truth(world.truth)
    turn = frame.local_from_enu(truth.geodetic[:, 0], truth.geodetic[:, 1])
    x = np.empty((6, len(truth.id)))
    x[POSITION, :], x[VELOCITY, :] = frame.pos_enu(*truth.geodetic.T).T, np.einsum("nji,nj->in", turn, truth.vel)
    for sensor in (s for s in site.sensors if s.measures != MeasurementKind.BEARING):
        view, squares = View(sensor, frame), []
        weight = np.linalg.inv(view.model.covar())
        for batch in (t.batch for t in ticks if t.batch is not None and t.batch.sensor == sensor.id):
            expected = [view.model.function(State(x[:, [k]])) for k in np.flatnonzero(truth.t_ns == batch.t_ns)]
            for detection in view.detections(batch):
                errors = [(detection.state_vector - e).astype(float) for e in expected]
                squares.append(min((e.T @ weight @ e).item() for e in errors))  # the targets stand far apart
        low, high = chi2.ppf((0.0005, 0.9995), len(squares) * view.model.ndim_meas)
        assert len(squares) >= 30, sensor.id
        assert low < sum(squares) < high, sensor.id


def test_stone_soup_tracks_a_crossing_and_its_table_is_scored(tmp_path):
    world, site, folder = world_in(tmp_path, "crossing", 15.0)
    _, ticks = read(folder)
    tracker, table = StoneSoup(site, SETTINGS["S1"]), Table(site)
    for batch in (tick.batch for tick in ticks if tick.batch is not None):
        tracker.step(batch.sensor, tracker.views[batch.sensor].detections(batch), time_of(batch.t_ns))
        table.put(tracker, batch.t_ns)
    scores = evaluate(table.frame(), world.truth, max_age_s=1.5, settled_from_s=8.0, origin="simulated").metrics
    assert len(tracker.tracks) == 10
    assert scores["settled"]["missed"] == 0.0
    assert scores["settled"]["false"] == 0.0
    assert scores["settled"]["rmse_m"] < 40.0
    assert 0.8 < scores["settled"]["inside_95"] <= 1.0


def test_a_deleted_track_is_written_as_dropped_and_a_late_look_is_left_out(tmp_path):
    _, site, folder = world_in(tmp_path, "crossing", 8.0)
    _, ticks = read(folder)
    tracker, table = StoneSoup(site, SETTINGS["S1"]), Table(site)
    batches = [tick.batch for tick in ticks if tick.batch is not None]
    for batch in batches:
        tracker.step(batch.sensor, tracker.views[batch.sensor].detections(batch), time_of(batch.t_ns))
    alive = {track.id: len(track) for track in tracker.tracks}
    assert alive
    late = tracker.views[batches[0].sensor].detections(batches[0])
    tracker.step(batches[0].sensor, late, time_of(batches[0].t_ns))
    assert {track.id: len(track) for track in tracker.tracks} == alive
    for second in range(1, 9):
        t_ns = batches[-1].t_ns + second * 1_000_000_000
        tracker.step(batches[0].sensor, set(), time_of(t_ns))
        table.put(tracker, t_ns)
    assert not tracker.tracks
    assert table.frame()["status"].value_counts(sort=True).rows()[-1] == ("dropped", len(alive))


def test_both_run_by_turns_and_a_stopped_peer_has_a_ratio_over_its_looks_and_no_scores(tmp_path):
    _, _, folder = world_in(tmp_path, "crossing", 5.0)
    peer, ours = alternate("S1", folder, core=min(os.sched_getaffinity(0)), turn_s=0.005, limit_s=0.02)
    _, ticks = read(folder)
    found = speeds(ticks, peer, ours)
    assert peer["tracks"] is None
    assert 1 <= found["peer_looks"] < found["looks"] == 5
    assert found["peer_detections"] < found["detections"] == sum(len(t.batch) for t in ticks if t.batch is not None)
    assert 0.0 < found["lowsky_cpu_s_same_looks"] < found["lowsky_cpu_s"]
    scored = {f"{who}_{w}_gospa_m": 40.0 for who in ("lowsky", "oracle") for w in ("whole", "settled")}
    told = summary([found | scored | {"seed": 100}, found | scored | {"seed": 101}])
    assert told["speed_ratio"] == pytest.approx(found["peer_cpu_s"] / found["lowsky_cpu_s_same_looks"])
    assert "peer_settled_ratio" not in told
    assert told["lowsky_settled_ratio"] == 1.0
    assert "was stopped after" in lines("S1", told)


def test_the_configuration_is_told_with_every_setting_of_what_runs():
    text = configuration(["S2", "S5"])
    assert "S2: q_m2ps3 0.2, plots_to_start 4" in text
    assert "tentative_life_s 3.1" in text
    assert "S1" not in text
