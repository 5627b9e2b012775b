"""The short run of the fuzzer; ``make fuzz`` is the long one."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.cases import all_names, feed_case, mutated
from fuzz.run import Broken, fuzz
from lowsky.model.ports import Normalised

SHORT = 2_000


@pytest.mark.parametrize("name", all_names())
def test_hostile_messages_end_as_measurements_or_counted_rejects(name):
    account = fuzz(feed_case(name), SHORT, seed=2)
    assert account.records >= SHORT * 0.5
    assert account.rejected


def test_the_same_seed_gives_the_same_messages():
    first, second = (mutated([b"abcdef", b"0123"], seed=5) for _ in range(2))
    assert [next(first) for _ in range(200)] == [next(second) for _ in range(200)]


class Fake:
    """A feed case whose normaliser does as told."""

    def __init__(self, normaliser):
        case = feed_case("template")
        self.name, self.package, self.site, self.messages = case.name, case.package, case.site, case.messages
        self.t_recv_ns = case.t_recv_ns
        self.normaliser = lambda: normaliser


def test_the_fuzzer_sees_a_lost_record():
    with pytest.raises(Broken, match="1 records, 0 measured"):
        fuzz(Fake(lambda frame: Normalised((), records=1)), 10, seed=1)


def test_the_fuzzer_sees_an_escaped_error_and_names_the_message():
    def breaks(frame):
        raise IndexError("oh")

    with pytest.raises(IndexError) as caught:
        fuzz(Fake(breaks), 10, seed=1)
    assert "seed 1, message 0" in caught.value.__notes__[0]
