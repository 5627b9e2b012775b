"""Byte streams are cut into whole messages, with bounded leftovers."""

from hypothesis import given
from hypothesis import strategies as st

from lowsky.errors import DecodeError
from lowsky.feeds.transport.stream import CREDIT_BYTES, CREDIT_PER_BYTE, LEFTOVER_BYTES, Splitter


def lines(data):
    return bytes(data).rfind(b"\n") + 1


@given(st.binary(max_size=200).map(lambda b: b.replace(b"\r", b"\n")), st.lists(st.integers(1, 20), max_size=40))
def test_however_a_stream_is_chopped_the_same_bytes_come_out_in_whole_messages(stream, sizes):
    splitter, out, at = Splitter(lines), [], 0
    for size in [*sizes, len(stream)]:
        whole, dropped = splitter.feed(stream[at : at + size])
        at += size
        assert dropped == b""
        assert whole == b"" or whole.endswith(b"\n")
        out.append(whole)
    assert b"".join(out) == stream[: stream.rfind(b"\n") + 1]
    assert splitter.left == len(stream) - (stream.rfind(b"\n") + 1)


def test_a_mebibyte_without_a_message_is_dropped_whole_and_the_stream_goes_on():
    splitter, dropped = Splitter(lines), b""
    for _ in range(LEFTOVER_BYTES // 65_536 + 1):
        whole, dropped = splitter.feed(b"x" * 65_536)
        assert whole == b""
        if dropped:
            break
    assert len(dropped) > LEFTOVER_BYTES
    assert splitter.feed(b"good\n") == (b"good\n", b"")


def test_a_cut_that_refuses_the_bytes_drops_them():
    def refuses(data):
        raise DecodeError("not this format", 0, bytes(data))

    splitter = Splitter(refuses)
    assert splitter.feed(b"abc") == (b"", b"abc")
    assert splitter.left == 0


def test_an_endless_message_that_dribbles_in_is_searched_in_proportion_to_what_comes():
    searched = []

    def counting(data):
        searched.append(len(data))
        return 0

    splitter, size = Splitter(counting), 500_000
    splitter.feed(b"x" * size)
    for _ in range(20_000):
        splitter.feed(b"x")
    assert sum(searched) <= CREDIT_BYTES + CREDIT_PER_BYTE * (size + 20_000)
    assert len(searched) < 200


def test_the_end_of_a_large_message_is_seen_though_it_comes_in_small_bits():
    splitter = Splitter(lines)
    for bit in [b"x" * 100_000, b"y", b"y", b"\n"]:
        whole, _ = splitter.feed(bit)
    assert whole == b"x" * 100_000 + b"yy\n"
