"""``python -m lowsky`` is the same program as ``lowsky``."""

from lowsky.cli.main import main

if __name__ == "__main__":
    main()
