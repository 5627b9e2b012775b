"""A world from a scenario file and a seed: truth, and what sensors would have made of it."""

import sys
from types import ModuleType
from typing import Any

from lowsky.simulate.faults import idealised
from lowsky.simulate.read import list_scenarios, load_scenario, parse_scenario, scenario_sha256
from lowsky.simulate.run import Simulation, simulate
from lowsky.simulate.scenario import Scenario

__all__ = [
    "Scenario",
    "Simulation",
    "idealised",
    "list_scenarios",
    "load_scenario",
    "parse_scenario",
    "scenario_sha256",
    "simulate",
]


class _Callable(ModuleType):
    """``lowsky.simulate`` is this package and, by contract, a function: calling the one calls the other."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return simulate(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
