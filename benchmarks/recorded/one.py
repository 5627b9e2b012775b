"""The command of a benchmark that scores one recording: ``FOLDER [--json OUT]``."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import print_and_write
from benchmarks.recorded.flight_files import NotThere

Options = Callable[[argparse.ArgumentParser], Callable[[argparse.Namespace], dict]]


def no_options(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], dict]:
    return lambda chosen: {}


def score_one(measure: Callable[..., dict], description: str, options: Options = no_options) -> int:
    """Exit status: 3 where the data is not there. ``options`` adds a benchmark's own and says what becomes of them."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    of_measure = options(parser)
    chosen = parser.parse_args()
    try:
        found = measure(chosen.folder, **of_measure(chosen))
    except NotThere as reason:
        print(f"the data is not there: {reason}", file=sys.stderr)
        return 3
    print_and_write(found, chosen.json)
    return 0
