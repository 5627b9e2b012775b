"""Reports of one and of several runs: what they draw, say and refuse."""

import math
import re

import numpy as np
import polars as pl
import pytest
from tests.unit.evaluate.evaluate_tables import FRAME, standing, tracks, truth

from lowsky.errors import ConfigError, LowskyError
from lowsky.evaluate import drawing as drawing_module
from lowsky.evaluate import evaluate, several
from lowsky.evaluate.clairvoyant import Reference
from lowsky.evaluate.drawing import Drawing
from lowsky.evaluate.figures import figures
from lowsky.evaluate.page import page
from lowsky.evaluate.seeds import estimate, estimate_ratio
from lowsky.model.site import Sensor, Site

A, B = (0.0, 0.0, 100.0), (1000.0, 0.0, 100.0)
REAL = truth(standing(1, A, range(31)) + standing(2, B, range(31)))
OWN = tracks(
    standing(1, (5.0, 0.0, 100.0), range(31), "confirmed") + standing(2, (1003.0, 0, 100.0), range(5, 31), "confirmed"),
    np.diag([25.0, 25.0, 25.0, 1.0, 1.0, 1.0]),
)


def site(**more):
    """One radar two kilometres south of the first target."""
    latitude, longitude, height_m = FRAME.geodetic(np.array([[0.0, -2000.0, 0.0]]))[0].tolist()
    place = {"latitude_rad": latitude, "longitude_rad": longitude, "height_m": height_m}
    radar = Sensor(id="radar-1", kind="radar", max_range_m=2100.0, **place, **more)
    return Site(name="test", sensors=(radar,), **place)


def test_the_mean_of_runs_has_students_interval():
    found = estimate(np.array([1.0, 2.0, 3.0, 4.0]))
    assert (found.mean, found.half_95) == (2.5, pytest.approx(3.182 * math.sqrt(5 / 3 / 4)))
    assert math.isnan(estimate(np.array([1.0])).half_95)


def test_a_ratio_is_of_means_and_has_no_interval_where_both_go_together():
    found = estimate_ratio(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    assert (found.mean, found.half_95) == (2.0, pytest.approx(0.0, abs=1e-12))
    assert estimate_ratio(np.array([1.0, 3.0]), np.array([1.0, 1.0])).mean == 2.0


def test_several_runs_give_means_and_one_page():
    other = evaluate(OWN.filter(pl.col("track_id") == 1), REAL, origin="simulated")
    both = several([evaluate(OWN, REAL, origin="simulated"), other])
    found = both.metrics["figures"]["whole.missed"]
    assert found["values"] == [pytest.approx(4 / 30), 1.0]
    assert found["mean"] == pytest.approx((4 / 30 + 1.0) / 2)
    assert (both.metrics["runs"], both.metrics["origin"]) == (2, "simulated")
    assert "cutoff_m" not in both.metrics["figures"]
    assert "2 runs, data: simulated" in both.summary()


def test_runs_of_two_origins_are_of_none(tmp_path):
    mixed = several([evaluate(OWN, REAL, origin=origin) for origin in ("simulated", "recorded")])
    assert mixed.metrics["origin"] == "not stated"
    mixed.to_html(tmp_path / "all.html")
    text = (tmp_path / "all.html").read_text(encoding="utf-8")
    assert "origin not stated" in text
    assert "n = 2 runs" in text
    assert not re.search(r"https?://|<script|src=|@import|url\(|\bnan\b", text)


def test_one_run_has_no_interval():
    found = several([evaluate(OWN, REAL)]).metrics["figures"]["whole.gospa_m"]
    assert (found["half_95"], found["n"]) == (None, 1)


def test_coverage_starts_the_clock_and_distance_is_from_the_radar():
    report = evaluate(OWN, REAL, site=site())
    covered = report.metrics["in_coverage"]
    # the target in the east is 2,236 m away, out of the radar's reach
    assert (covered["targets"], covered["target_seconds"]) == (1, 30)
    assert covered["confirmed_s"]["median"] == 0.0
    assert [(ring["n"], ring["held"]) for ring in covered["by_distance"]] == [(30, 1.0), (30, pytest.approx(26 / 30))]
    assert {figure.name for figure in figures(report)} >= {"distance"}
    assert report.sensor_places["radar-1"] == pytest.approx([-500.0, -2000.0], abs=5.0)


def test_a_radar_that_sees_less_than_half_of_the_time_covers_nothing():
    assert evaluate(OWN, REAL, site=site(detection_probability=0.4)).metrics["in_coverage"]["targets"] == 0
    assert evaluate(OWN, REAL).metrics["in_coverage"] is None


def test_the_reference_is_scored_alike_and_drawn():
    told = tracks(
        standing(1, (2.0, 0.0, 100.0), range(31), "confirmed") + standing(2, B, range(31), "confirmed"), np.eye(6)
    )
    when = np.arange(1, 31) * 1_000_000_000 + 1_777_615_200_000_000_000
    report = evaluate(OWN, REAL, reference=Reference(told, (when, np.full(30, 4.0), np.ones(30))), settled_from_s=0.0)
    found = report.metrics["reference"]
    own_m = math.sqrt((30 * 25.0 + 26 * 9.0) / 56)
    assert found["rmse_m"] == pytest.approx(math.sqrt(2.0), rel=1e-4)
    assert found["bound_m"] == pytest.approx(2.0)
    assert found["rmse_ratio"] == pytest.approx(own_m / math.sqrt(2.0), rel=1e-4)
    assert found["bound_ratio"] == pytest.approx(own_m / 2.0, rel=1e-4)
    text = page(report)
    assert "filter that is told every association" in text
    assert "Cramér–Rao bound" in text


def test_claims_beyond_the_track_table_are_judged():
    rows = OWN.select("time", "latitude_deg", "longitude_deg", "height_m").with_columns(existence=pl.lit(0.9))
    nobody = rows.head(31).with_columns(existence=pl.lit(0.1), height_m=pl.lit(5000.0))
    found = evaluate(OWN, REAL, claims=pl.concat([rows, nobody])).metrics["existence"]
    assert (found["rows"], found["n"]) == ("every hypothesis", 56 + 30)
    assert found["ece"] == pytest.approx(0.1)
    assert [(b["claimed"], b["found"]) for b in found["bins"]] == [(pytest.approx(0.1), 0.0), (pytest.approx(0.9), 1.0)]


def test_existence_of_the_table_is_judged_where_it_is_said():
    assert evaluate(OWN, REAL).metrics["existence"] is None
    said = evaluate(OWN.with_columns(existence=pl.lit(0.8)), REAL).metrics["existence"]
    assert (said["rows"], said["ece"]) == ("rows of the track table", pytest.approx(0.2))
    with pytest.raises(ConfigError, match="a probability, from 0 to 1"):
        evaluate(OWN.with_columns(existence=pl.lit(1.1)), REAL)


def test_claims_without_a_column_are_told():
    with pytest.raises(ConfigError, match="claims: column existence"):
        evaluate(OWN, REAL, claims=OWN)


def test_every_figure_is_written_for_papers(tmp_path):
    written = evaluate(OWN.with_columns(existence=pl.lit(0.8)), REAL, site=site()).to_figures(tmp_path / "f")
    names = {path.stem for path in written}
    assert names == {"map", "gospa", "error", "count", "times", "distance", "nees", "existence", "errors", "timeline"}
    for path in written:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            assert 'xmlns="http://www.w3.org/2000/svg"' in path.read_text(encoding="utf-8")


def test_without_matplotlib_the_svg_files_are_there_and_the_rest_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LowskyError, match="pip install matplotlib"):
        evaluate(OWN, REAL).to_figures(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".svg"}


def test_a_line_is_interrupted_where_there_is_no_value():
    drawing = Drawing("test", 100.0, 100.0)
    drawing.line("total", np.arange(6.0), np.array([1.0, 2.0, np.nan, np.nan, 3.0, 4.0]))
    assert [mark.xy.tolist() for mark in drawing.marks] == [[[0.0, 1.0], [1.0, 2.0]], [[4.0, 3.0], [5.0, 4.0]]]


def test_text_in_a_drawing_is_text():
    drawing = Drawing("<b>", 100.0, 100.0)
    drawing.text("label", 1.0, 2.0, "<script>")
    assert "<script>" not in drawing.svg()
    assert "&lt;b&gt;" in drawing.svg()
