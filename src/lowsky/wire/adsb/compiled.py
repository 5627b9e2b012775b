"""numba's ``njit`` with its type left on: the decorated function keeps its annotations for the type checker."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile on first call, keep the result on disk. Fast floating-point shortcuts stay off."""
    return cast(Function, njit(cache=True)(function))
