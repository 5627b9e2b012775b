"""Tracks against truth: one report, the same figures on a page and in JSON."""

import sys
from types import ModuleType
from typing import Any

from lowsky.evaluate.report import Report, evaluate
from lowsky.evaluate.seeds import Several, several

__all__ = ["Report", "Several", "evaluate", "several"]


class _Callable(ModuleType):
    """``lowsky.evaluate`` is this package and, by contract, a function: calling the one calls the other."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return evaluate(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
