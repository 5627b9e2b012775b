"""Wrong files are told with every fault; the report is whole and safe to open."""

import json
import re
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from tests.unit.evaluate.evaluate_tables import standing, tracks, truth

from lowsky.errors import ConfigError
from lowsky.evaluate import evaluate
from lowsky.evaluate.page import page

A = (0.0, 0.0, 100.0)
REAL = truth(standing(1, A, range(11)))
OWN = tracks(standing(1, (5.0, 0.0, 100.0), range(11), "confirmed"), np.diag([25.0, 25.0, 25.0, 1.0, 1.0, 1.0]))


def faults_of(own, real, **settings):
    with pytest.raises(ConfigError) as caught:
        evaluate(own, real, **settings)
    return [str(fault) for fault in caught.value.faults]


def test_faults_of_both_files_are_told_at_once():
    own = OWN.drop("status").with_columns(pl.col("time").dt.replace_time_zone(None))
    real = REAL.with_columns(height_m=pl.lit("high"))
    faults = faults_of(own, real)
    assert len(faults) == 3
    assert any("column status" in fault and "nothing" in fault for fault in faults)
    assert any("column time" in fault and "UTC" in fault for fault in faults)
    assert any(fault.startswith("truth: column height_m: found String") for fault in faults)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (pl.lit("lost").alias("status"), "status"),
        (pl.lit(95.0).alias("latitude_deg"), "latitude_deg"),
        (pl.lit([1.0, 2.0]).alias("covariance"), "covariance"),
        (pl.lit(None, pl.Int64).alias("track_id"), "track_id"),
        (pl.lit(2**63 + 5, pl.UInt64).alias("track_id"), "track_id"),
        (pl.lit(datetime(2999, 1, 1, tzinfo=UTC)).alias("time"), "time"),
    ],
)
def test_a_bad_row_is_told_with_its_number_and_how_many_more_there_are(change, column):
    (fault,) = [f for f in faults_of(OWN.with_columns(change), REAL) if f"column {column}" in f][:1]
    assert fault.startswith("tracks: row 0")
    assert "(and 10 more rows)" in fault


def test_two_rows_of_one_target_and_time_are_a_fault():
    assert any("column target_id" in fault for fault in faults_of(OWN, pl.concat([REAL, REAL.head(1)])))


def test_of_two_rows_of_one_track_and_time_the_last_counts():
    ended = OWN.with_columns(pl.lit("dropped").alias("status"))
    report = evaluate(pl.concat([OWN, ended.tail(4)]), REAL)
    assert report.series["shown"].to_list() == [1] * 6 + [0] * 4
    assert report.metrics["rows_superseded"] == 4
    assert "4 rows were left out" in page(report)


def test_truth_without_a_position_is_a_fault():
    gone = pl.when(pl.col("time") < pl.col("time").max()).then("height_m")
    (fault,) = faults_of(OWN, REAL.with_columns(gone))
    assert fault.startswith("truth: row 10, column height_m: found None;")


def test_files_that_are_not_there_or_no_parquet_are_told(tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 this is not one")
    faults = faults_of(tmp_path / "none.parquet", broken)
    assert len(faults) == 2
    assert "no such file" in faults[0]


def test_a_file_damaged_anywhere_is_a_fault_of_the_file_or_still_scored(tmp_path, rng):
    """A process of its own is not needed: what ended it was Polars' reader, and then no test would follow."""
    path = tmp_path / "damaged.parquet"
    REAL.write_parquet(path)
    whole, refused = path.read_bytes(), 0
    for round_ in range(300):
        damaged = bytearray(whole[: rng.integers(len(whole))] if round_ % 4 == 0 else whole)
        for at in rng.integers(0, max(1, len(damaged)), 3):
            damaged[at : at + 1] = rng.integers(0, 256, 1, np.uint8).tobytes()
        path.write_bytes(damaged)
        try:
            evaluate(OWN, path)
        except ConfigError:
            refused += 1
    assert refused > 150


def test_a_path_with_the_signs_of_a_pattern_is_a_path(tmp_path):
    path = tmp_path / "run[1] *.parquet"
    REAL.write_parquet(tmp_path / "plain.parquet")
    (tmp_path / "plain.parquet").rename(path)
    assert evaluate(OWN, path).metrics == evaluate(OWN, REAL).metrics


def test_a_row_with_a_wrong_time_does_not_make_an_evaluation_of_years():
    wrong = pl.when(pl.col("time") == pl.col("time").min()).then(pl.datetime(1970, 1, 1, time_zone="UTC"))
    odd = REAL.with_columns(wrong.otherwise(pl.col("time")).cast(pl.Datetime("ns", "UTC")).alias("time"))
    (fault,) = faults_of(OWN, odd)
    assert "from 1970-01-01T00:00:00Z" in fault


def test_parameters_that_cannot_be_are_told():
    assert len(faults_of(OWN, REAL, max_age_s=0.0, cutoff_m=float("nan"), origin="guessed")) == 3
    assert len(faults_of(OWN, REAL, max_age_s=1e10, truth_max_age_s=8e9, settled_from_s=float("nan"))) == 3
    assert "span" in faults_of(OWN, REAL, span=(datetime(2026, 5, 2), datetime(2026, 5, 1)))[0]
    assert "no rows" in faults_of(OWN, REAL.clear())[0]
    assert "whole second" in faults_of(OWN, REAL.head(1))[0]


def test_paths_and_frames_give_the_same_report(tmp_path):
    OWN.write_parquet(tmp_path / "tracks.parquet")
    REAL.write_parquet(tmp_path / "truth.parquet")
    assert evaluate(tmp_path / "tracks.parquet", str(tmp_path / "truth.parquet")).metrics == evaluate(OWN, REAL).metrics


def test_json_has_the_same_figures_and_is_written_whole(tmp_path):
    report = evaluate(OWN, REAL, origin="simulated")
    path = tmp_path / "metrics.json"
    text = report.to_json(path)
    assert json.loads(path.read_text(encoding="utf-8")) == json.loads(text) == report.metrics
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]
    assert json.loads(text)["whole"]["gospa_m"] == pytest.approx(5.0, rel=1e-4)


def test_the_page_stands_alone_and_says_where_its_data_is_from(tmp_path):
    path = tmp_path / "report.html"
    for origin, said in (("simulated", "simulated"), ("recorded", "recorded"), ("not stated", "origin not stated")):
        evaluate(OWN, REAL, origin=origin).to_html(path)
        text = path.read_text(encoding="utf-8")
        assert re.search(rf'<span class="badge \w+">{said}</span>', text)
    assert not re.search(r"https?://|<script|src=|@import|url\(", text)
    assert "default-src 'none'" in text
    assert text.count("<svg") == 8
    assert "nan" not in text.lower()


def test_a_truth_file_that_says_it_is_simulated_is_reported_as_simulated(tmp_path):
    """As ``lowsky simulate`` writes it; what the caller states counts more."""
    path = tmp_path / "truth.parquet"
    for said, reported in (("simulated", "simulated"), ("recorded", "recorded"), ("<b>", "not stated")):
        REAL.write_parquet(path, metadata={"lowsky.origin": said})
        assert evaluate(OWN, path).metrics["origin"] == reported
        assert evaluate(OWN, path, origin="recorded").metrics["origin"] == "recorded"


def test_a_class_from_a_file_is_shown_as_text_only(tmp_path):
    path = tmp_path / "report.html"
    evaluate(OWN, REAL.with_columns(pl.lit("<script>alert(1)</script>").alias("class"))).to_html(path)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_summary_has_the_main_figures():
    text = evaluate(OWN, REAL, origin="recorded").summary()
    assert "1 targets, 1 tracks shown, 10 s, data: recorded" in text
    assert "GOSPA        5.0 m whole run, 5.0 m whole" in text


def test_a_page_without_any_track_is_still_a_page(tmp_path):
    path = tmp_path / "report.html"
    evaluate(tracks([]), REAL).to_html(path)
    assert "No track was assigned" in path.read_text(encoding="utf-8")
