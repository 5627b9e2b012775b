"""lowsky, the open fusion node for the low sky. It only sees and warns.

    feeds ─▶ align ─▶ track ─▶ classify ─▶ warn ─▶ picture ─▶ serve, outputs
    bytes    order    fuse      what is it   so what            map, files
      ▲        │
    simulate   record ─▶ replay, evaluate

Read the folders in that order and you have followed one detection from the air to the screen;
``docs/journey.md`` walks the same way with names of functions.
"""

__version__ = "0.1.0"

_PUBLIC = {
    "Tracker": "lowsky.engine.research",
    "read_measurements": "lowsky.engine.research",
    "read_site": "lowsky.engine.config",
}

__all__ = ["Tracker", "__version__", "evaluate", "read_measurements", "read_site", "simulate"]


def __getattr__(name: str) -> object:
    """The public interface, imported when first asked for: ``import lowsky`` alone costs nothing."""
    import importlib

    if name in ("evaluate", "simulate"):
        return importlib.import_module(f"lowsky.{name}")  # packages that can be called
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lowsky' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
