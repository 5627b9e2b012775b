"""The command of a benchmark that scores one recording: ``FOLDER [--json OUT]``."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import print_and_write
from benchmarks.recorded.flight_files import NotThere


def score_one(measure: Callable[[Path], dict], description: str) -> int:
    """Exit status: 3 where the data is not there."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    try:
        found = measure(chosen.folder)
    except NotThere as reason:
        print(f"the data is not there: {reason}", file=sys.stderr)
        return 3
    print_and_write(found, chosen.json)
    return 0
