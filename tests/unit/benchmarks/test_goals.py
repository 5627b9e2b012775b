"""The table of goals says what was found, whether it holds, and what was not run."""

import json

import numpy as np
import pytest
from benchmarks.generator import differs, mean_and_half
from benchmarks.generator import rows_of as generator_rows
from benchmarks.goals import Row, markdown, rows_of
from benchmarks.tracking import calibration, claims_table

from lowsky.evaluate.calibration import cells_of
from lowsky.model.site import Site
from lowsky.track.picture import Hypotheses

TRACKING = {
    "S1": {
        "n": 10, "seeds": "0-9", "settled_ratio": 1.01, "settled_ratio_95": 0.004,
        "bound_ratio": 1.12, "bound_ratio_95": 0.05, "rmse_ratio": 1.01, "rmse_ratio_95": 0.01, "switches": 0.0,
        "settled_false": 0.0, "settled_anees": 0.9, "oracle_settled_anees": 1.1, "anees_trimmed": 0.85, "nis": 1.02,
        "nis_lag_1": 0.03,
        "settled_inside_95": 0.96, "oracle_settled_inside_95": 0.94, "ece": 0.001, "ece_middle": 0.2,
        "ece_middle_rows": 300.0, "ece_middle_floor": 0.05,
    }
}  # fmt: skip


def written(folder, **parts):
    for name, found in parts.items():
        (folder / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
    return {row.what: row for row in rows_of(folder)}


def test_goals_hold_or_do_not_by_their_means(tmp_path):
    rows = written(tmp_path, tracking=TRACKING)
    assert rows["S1: settled GOSPA ÷ oracle"] == Row(
        "S1: settled GOSPA ÷ oracle", "≤ 1.02", "1.010 ± 0.004", True, "0-9 (n = 10)"
    )
    assert rows["S1: position RMSE ÷ Cramér–Rao bound"].holds is False
    assert rows["S1: ANEES"].holds is True
    assert rows["S1: existence ECE on 0.05–0.95"].found == "0.200, 300 rows, chance 0.050"


def test_parts_that_were_not_run_are_said_and_any_part_may_bring_rows(tmp_path):
    own = {"what": "biases at 300 s", "goal": "5 m", "found": "3 m", "holds": True, "n": "0-9 (n = 10)"}
    rows = written(
        tmp_path, pmbm={"flock": {"settled_pmbm_ratio": 1.06, "settled_pmbm_ratio_95": 0.02}}, register={"goals": [own]}
    )
    assert rows["`tracking`"].found == "not run"
    assert rows["flock: settled GOSPA ÷ PMBM"].holds is False
    assert rows["biases at 300 s"] == Row(**own)
    text = markdown(list(rows.values()))
    assert "| biases at 300 s | 5 m | 3 m | yes | 0-9 (n = 10) |" in text
    assert "1 of 2 hold." in text


def test_registration_bearings_and_scale_are_judged_against_their_goals(tmp_path):
    radar = {"rms": 0.02, "worst": 0.05, "sigma": 0.02, "bound": 0.01, "goal": 0.1}
    rows = written(
        tmp_path,
        registration={"seeds": "0-9", "simulated": True, "azimuth_deg": radar},
        bearings={"simulated": True, "emitters": {"seeds": 10, "ratio": [1.2, 0.1], "ghost": [0.03, 0.01]}},
        **{"tracker-scale": {"seed": 0, "scale": {"times_real_time": 4.6}, "swarm": {"look_p99_ms": 18.0}}},
    )
    assert rows["registration by ADS-B: azimuth_deg"].holds is True
    assert rows["registration by ADS-B: azimuth_deg ÷ bound"] == Row(
        "registration by ADS-B: azimuth_deg ÷ bound", "≤ 1.5", "2.00", False, "0-9"
    )
    assert rows["bearings, emitters: error ÷ bound"].found == "1.20 ± 0.10"
    assert rows["bearings, five emitters: time with a ghost"].holds is False
    assert rows["10,000 tracks, three radars, one core: × real time"].holds is True
    assert rows["S3: p99 of a look, ms"].holds is False


def test_a_generator_differs_beyond_what_chance_does_to_both():
    assert differs((10.0, 1.0), (12.0, 1.0))
    assert not differs((10.0, 1.0), (11.5, 1.0))
    mean, half = mean_and_half(np.array([1.0, 2.0, 3.0]))
    assert (mean, half) == (2.0, pytest.approx(4.303 / 3**0.5, abs=1e-3))
    runs = [
        {"detections": 17000.0 + k, "oracle_whole_gospa_m": 43.0 + k, "oracle_settled_gospa_m": 42.0 + k,
         "oracle_settled_rmse_m": 9.0 + k, "oracle_settled_anees": 0.8 + 0.01 * k}
        for k in (0, 1)
    ]  # fmt: skip
    rows = generator_rows("S4", runs)
    assert [row["figure"] for row in rows] == [
        "detections",
        "GOSPA whole, m",
        "GOSPA settled, m",
        "RMSE settled, m",
        "ANEES",
    ]
    assert rows[0]["differs"]


def test_claims_keep_their_second_and_are_probabilities():
    site = Site(name="x", latitude_rad=0.6, longitude_rad=2.2, height_m=0.0)
    held = Hypotheses(np.array([0, 4]), np.zeros((2, 6)), np.array([0.3, 1.0 + 1e-12]))
    none = Hypotheses(np.empty(0, int), np.empty((0, 6)), np.empty(0))
    table = claims_table([(1_000_000_000, held), (2_000_000_000, none)], site)
    assert table["existence"].to_list() == [0.3, 1.0]
    assert table["time"].dt.epoch("s").to_list() == [1, 1]
    assert table["latitude_deg"].to_numpy() == pytest.approx(np.degrees([0.6, 0.6]))


def test_calibration_is_judged_over_all_seeds_together(rng):
    claimed = rng.uniform(0.1, 0.9, (20, 400))
    cells = np.array([cells_of(one, rng.random(400) < one) for one in claimed])
    found = calibration(cells)
    assert found["ece_rows"] == 8000.0
    # 533 rows a bin: chance alone makes 0.015 of perfect claims, and one run by itself 0.07
    assert found["ece"] == pytest.approx(found["ece_floor"], abs=0.012)
    assert calibration(cells[:1])["ece"] > 2.0 * found["ece"]
    assert found["ece_95"] > 0.0
