"""lowsky, the open fusion node for the low sky. It only sees and warns.

    feeds ─▶ align ─▶ track ─▶ classify ─▶ warn ─▶ picture ─▶ serve, outputs
    bytes    order    fuse      what is it   so what            map, files
      ▲        │
    simulate   record ─▶ replay, evaluate

Read the folders in that order and you have followed one detection from the air to the screen;
``docs/journey.md`` walks the same way with names of functions.
"""

__version__ = "0.1.0"
