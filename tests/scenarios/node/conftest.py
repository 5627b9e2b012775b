"""Commands that end by themselves, run in this process: starting Python takes longer than they do."""

import pytest

from lowsky.cli.main import main


@pytest.fixture
def run_here(capsys):
    """Run a command: its status, the lines of stdout, the lines of stderr. Whatever it raises fails the test."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return ended.value.code, out.splitlines(), err.splitlines()

    return run
