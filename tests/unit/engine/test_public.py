"""The Python interface of the contract."""

import lowsky


def test_evaluate_and_simulate_are_functions_even_after_their_packages_are_imported(tmp_path):
    import lowsky.evaluate.report
    import lowsky.simulate.run

    made = lowsky.simulate("crossing", seed=7, duration_s=20.0)
    again = lowsky.simulate("crossing", seed=7, duration_s=20.0)
    assert made.measurements.equals(again.measurements)
    (tmp_path / "site.toml").write_text(made.site_toml, encoding="utf-8")
    made.measurements.write_parquet(tmp_path / "measurements.parquet")
    site = lowsky.read_site(tmp_path / "site.toml")
    tracker = lowsky.Tracker(site)
    for batch in lowsky.read_measurements(tmp_path / "measurements.parquet", site):
        picture = tracker.step(batch)
    assert len(picture) >= 8
    assert picture.x.shape == (len(picture), 6)
    assert (picture.existence > 0.5).sum() >= 8


def test_batches_of_a_table_come_in_the_order_the_tracker_wants(tmp_path):
    """The harbour's sensors are of different latency, so that arrival is another order."""
    made = lowsky.simulate("harbour-raid", seed=7, duration_s=20.0)
    (tmp_path / "site.toml").write_text(made.site_toml, encoding="utf-8")
    made.measurements.write_parquet(tmp_path / "measurements.parquet")
    site = lowsky.read_site(tmp_path / "site.toml")
    times = [batch.t_ns for batch in lowsky.read_measurements(tmp_path / "measurements.parquet", site)]
    assert len(times) > 50
    assert times == sorted(times)


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(lowsky, "fire_control")
