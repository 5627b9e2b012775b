"""Compact one finished segment: ``python -m lowsky.record SEGMENT``.

The recorder starts this as a process of its own, so that the engine's interpreter is not shared.
Exit status 0: done; 1: the segment stays as it was, the reason is on stderr.
"""

import os
import sys
from pathlib import Path

from lowsky.errors import RecordError
from lowsky.record.compact import compact


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m lowsky.record SEGMENT.sqlite\n")
        return 2
    if hasattr(os, "nice"):
        os.nice(15)
    try:
        compact(Path(arguments[0]))
    except (RecordError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
