"""The Mode S feeds share one way of looking at results: tests/feeds/beast/beast_site.py."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parents[1] / "beast"))

settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
