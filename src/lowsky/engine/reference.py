"""What simulated tracks are held against: the scenario is simulated again, for who made which plot is in no file."""

from pathlib import Path

import numpy as np

from lowsky.engine.config import parse_site
from lowsky.errors import ConfigError, Fault
from lowsky.evaluate.clairvoyant import Motion, Reference, bound_seconds, clairvoyant_tracks, detections_of
from lowsky.evaluate.tables import Source, read_truth, source_of
from lowsky.simulate import Scenario, idealised, load_scenario, scenario_sha256, simulate
from lowsky.simulate.scenario import Formation, WhiteAcceleration

AGILE = Motion(((0.05, 0.05), (8.0, 1.0)))  # tracking benchmarks, section 4: quiet, and whatever a multirotor may do
FORMATION = Motion(((0.1, 0.01),))


def reference_of(truth: Path) -> Reference:
    """The clairvoyant filter on the measurements of the run that ``truth`` is of, and the bound where motion has one.

    Raises
    ------
    ConfigError
        The file names no scenario and seed, or simulating it again gives another truth.
    """
    source = source_of(truth)
    if source.scenario is None or source.seed is None:
        expected = "a truth table that `lowsky simulate` wrote; its metadata names scenario and seed"
        raise ConfigError([Fault(str(truth), "no scenario named", expected)])
    if source.scenario_sha256 not in (None, scenario_sha256(source.scenario)):
        raise ConfigError([Fault(str(truth), f"another {source.scenario}", "the scenario file it was made with")])
    scenario = load_scenario(source.scenario)
    _same_truth(truth, scenario, source)
    world = simulate(idealised(scenario), seed=source.seed, duration_s=source.duration_s)
    site = parse_site(world.site_toml, "site.toml")
    found = detections_of(world.measurements, world.made_by, site)
    q = white_acceleration(scenario)
    bound = None if q is None else bound_seconds(found, world.truth, site, q)
    return Reference(clairvoyant_tracks(found, site, motion_of(scenario)), bound)


def _same_truth(truth: Path, scenario: Scenario, source: Source) -> None:
    """Raises ``ConfigError`` where this version of lowsky simulates something else."""
    states = read_truth(truth)
    again = read_truth(simulate(scenario, seed=source.seed or 0, duration_s=source.duration_s).truth)
    same = np.array_equal(states.t_ns, again.t_ns) and np.array_equal(states.id, again.id)
    if not same or not np.allclose(states.geodetic, again.geodetic, rtol=0.0, atol=1e-6):
        raise ConfigError([Fault(str(truth), "not what is simulated now", "truth of this version of lowsky")])


def white_acceleration(scenario: Scenario) -> tuple[float, float] | None:
    """Density (horizontal, vertical) m²/s³ that all targets fly with, or None where they do not fly alike so."""
    densities = {
        (target.motion.q_m2ps3, _vertical(target.motion)) if isinstance(target.motion, WhiteAcceleration) else None
        for target in scenario.target
    }
    return densities.pop() if len(densities) == 1 else None


def _vertical(motion: WhiteAcceleration) -> float:
    return motion.q_m2ps3 / 10.0 if motion.q_vertical_m2ps3 is None else motion.q_vertical_m2ps3


def motion_of(scenario: Scenario) -> Motion:
    """What the clairvoyant filter is told of the motion: the truth's where all fly alike, two modes elsewhere."""
    q = white_acceleration(scenario)
    if q is not None:
        return Motion((q,))
    return FORMATION if all(isinstance(target.motion, Formation) for target in scenario.target) else AGILE
