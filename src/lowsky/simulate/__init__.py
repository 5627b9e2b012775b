"""A world from a scenario file and a seed: truth, and what sensors would have made of it."""

from lowsky.simulate.read import list_scenarios, load_scenario, parse_scenario
from lowsky.simulate.run import Simulation, simulate
from lowsky.simulate.scenario import Scenario

__all__ = ["Scenario", "Simulation", "list_scenarios", "load_scenario", "parse_scenario", "simulate"]
