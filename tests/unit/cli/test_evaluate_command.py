"""`lowsky evaluate` on files: one run, several, and the reference that is simulated again."""

import json

import polars as pl
import pytest

from lowsky.cli.main import app
from lowsky.engine.reference import motion_of, reference_of, white_acceleration
from lowsky.errors import ConfigError
from lowsky.simulate import load_scenario


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short simulated run, and its truth as if it were the tracks."""
    folder = tmp_path_factory.mktemp("run")
    app(["simulate", "crossing", "--seed", "3", "--duration", "30", "-o", str(folder)], result_action="return_value")
    truth = pl.read_parquet(folder / "truth.parquet").filter(pl.col("time").dt.nanosecond() == 0)
    tracks = truth.rename({"target_id": "track_id"}).with_columns(status=pl.lit("confirmed"), existence=pl.lit(0.9))
    tracks.write_parquet(folder / "tracks.parquet")
    return folder


def evaluated(*arguments):
    return app(["evaluate", *(str(a) for a in arguments)], result_action="return_value")


def test_the_report_says_scenario_seed_and_hash_and_is_held_against_the_reference(run):
    files = run / "tracks.parquet", run / "truth.parquet"
    json_path, page = run / "metrics.json", run / "report.html"
    assert evaluated(*files, "-o", page, "--json", json_path, "--reference", "--site", run / "site.toml") == 0
    found = json.loads(json_path.read_text(encoding="utf-8"))
    assert (found["origin"], found["scenario"], found["seeds"]) == ("simulated", "crossing", [3])
    assert len(found["scenario_sha256"]) == 64
    assert found["in_coverage"]["targets"] == 10
    # ten targets after 20 s: a handful of metres of error, more than the tracks', which are the truth
    assert found["whole"]["gospa_m"] == pytest.approx(0.0, abs=1e-3)
    assert 2.0 < found["reference"]["rmse_m"] < 40.0
    assert "seed 3" in page.read_text(encoding="utf-8")


def test_two_runs_give_means(run):
    files = [run / "tracks.parquet", run / "truth.parquet"] * 2
    assert evaluated(*files, "-o", run / "both.html", "--json", run / "both.json") == 0
    found = json.loads((run / "both.json").read_text(encoding="utf-8"))
    assert (found["runs"], found["seeds"]) == (2, [3, 3])
    assert found["figures"]["whole.completeness"]["half_95"] == 0.0


def test_tracks_without_their_truth_are_refused(run):
    with pytest.raises(ConfigError, match="by turns"):
        evaluated(run / "tracks.parquet", run / "truth.parquet", run / "tracks.parquet")


def test_truth_that_names_no_scenario_has_no_reference(run):
    plain = run / "plain.parquet"
    pl.read_parquet(run / "truth.parquet").write_parquet(plain)
    with pytest.raises(ConfigError, match="no scenario named"):
        reference_of(plain)


def test_truth_that_is_not_what_is_simulated_has_no_reference(run):
    facts = {"lowsky.scenario": "crossing", "lowsky.seed": "4", "lowsky.duration_s": "30"}
    other = run / "other.parquet"
    pl.read_parquet(run / "truth.parquet").write_parquet(other, metadata=facts)
    with pytest.raises(ConfigError, match="not what is simulated now"):
        reference_of(other)


def test_the_filter_is_told_the_motion_where_all_fly_alike():
    assert motion_of(load_scenario("crossing")).q == ((0.1, 0.01),)
    assert white_acceleration(load_scenario("multirotors")) is None
    assert len(motion_of(load_scenario("multirotors")).q) == 2
    assert motion_of(load_scenario("formation")).q == ((0.1, 0.01),)
