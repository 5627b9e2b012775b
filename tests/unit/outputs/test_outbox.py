"""What is to be told is on disk before it is told, and a disk that fails silences nobody."""

import sqlite3
import threading

import pytest
from tests.outboxes import occurrence
from tests.scenarios.node.harness import wait_for

from lowsky.errors import RecordError
from lowsky.outputs.outbox import KEPT_NS, Outbox
from lowsky.outputs.store import NAME, Store


@pytest.fixture
def outbox(tmp_path):
    opened = Outbox(tmp_path / NAME, ("hook",))
    yield opened
    opened.close()


def put(outbox, n=1, **more):
    for _ in range(n):
        outbox.put([occurrence(outbox.last_number + 1, outbox.series, **more)])


def numbers(outbox, after=0):
    return [o.number for o in outbox.read(after)]


def test_nothing_may_be_told_before_it_is_on_disk(outbox, monkeypatch):
    disk, add = threading.Event(), Store.add

    def slow(self, occurrences):
        assert disk.wait(10.0)
        add(self, occurrences)

    monkeypatch.setattr(Store, "add", slow)
    put(outbox)
    outbox.wait(0, 0.3)
    assert numbers(outbox) == []
    disk.set()
    assert outbox.flush() and numbers(outbox) == [1]


def test_putting_in_does_not_wait_for_a_disk_that_hangs(outbox, monkeypatch):
    disk = threading.Event()
    monkeypatch.setattr(Store, "add", lambda self, occurrences: disk.wait(10.0))
    put(outbox, 500)
    assert outbox.last_number == 500
    assert outbox.flush(timeout_s=0.05) is False
    disk.set()


def test_a_full_disk_does_not_silence_a_warning_and_what_was_told_is_written_once_it_can(outbox, monkeypatch, tmp_path):
    add = Store.add

    def full(self, occurrences):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "add", full)
    put(outbox, 3)
    wait_for(lambda: numbers(outbox) == [1, 2, 3], "what the disk does not take")
    assert "full" in outbox.trouble and not outbox.flush(0.1)
    monkeypatch.setattr(Store, "add", add)
    wait_for(lambda: outbox.flush(0.1), "the disk")
    assert outbox.trouble == ""
    outbox.close()
    assert numbers(Outbox(tmp_path / NAME, ("hook",))) == [1, 2, 3]


def test_a_folder_that_is_deleted_under_a_running_node_gets_a_new_file_of_the_same_series(tmp_path):
    outbox = Outbox(tmp_path / "o" / NAME, ("hook",))
    put(outbox, 2)
    assert outbox.flush()
    for path in (tmp_path / "o").iterdir():
        path.unlink()
    (tmp_path / "o").rmdir()
    put(outbox)
    assert outbox.flush() and numbers(outbox) == [1, 2, 3]
    outbox.close()
    again = Outbox(tmp_path / "o" / NAME, ("hook",))
    assert (again.series, again.last_number, again.trouble) == (outbox.series, 3, "")
    again.close()


def test_a_restart_goes_on_with_series_numbers_and_places(tmp_path):
    first = Outbox(tmp_path / NAME, ("hook",))
    assert first.cursor("hook") == (0, 0)
    put(first, 3)
    first.flush()
    first.move("hook", 1, 2)
    first.close()
    again = Outbox(tmp_path / NAME, ("hook",))
    assert (again.series, again.last_number, again.cursor("hook")) == (first.series, 3, (1, 2))
    assert numbers(again, 1) == [2, 3] and [o.number for o in again.recall()] == [1, 2, 3]
    assert again.cursor("new one") == (3, 3)  # who is new hears of what comes from now on
    again.close()


def test_two_nodes_never_share_an_outbox(outbox, tmp_path):
    with pytest.raises(RecordError, match="another lowsky"):
        Outbox(tmp_path / NAME, ("hook",))


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_damaged_file_is_put_beside_and_a_new_one_begun(tmp_path, content):
    (tmp_path / NAME).write_bytes(content)
    outbox = Outbox(tmp_path / NAME, ("hook",))
    put(outbox)
    assert outbox.flush() and outbox.trouble == ""
    outbox.close()
    assert [p.read_bytes() for p in tmp_path.glob("*.damaged-1")] == ([content] if content else [])


def test_a_file_that_cannot_be_made_is_told_and_alerts_are_told_from_memory(tmp_path):
    (tmp_path / "file").write_text("in the way")
    outbox = Outbox(tmp_path / "file" / NAME, ("hook",))
    put(outbox, 2)
    wait_for(lambda: numbers(outbox) == [1, 2], "both")
    assert "start it again" in outbox.trouble
    outbox.move("hook", 1, 1)
    assert outbox.cursor("hook") == (1, 1)
    outbox.close()


def test_old_ones_go_once_every_output_has_them_and_numbers_go_on_above_them(tmp_path):
    store = Store.open(tmp_path / NAME)
    for name in ("quick", "slow", "gone"):
        store.cursor(name, 0)
    store.add(occurrence(n, store.series) for n in range(1, 6))
    store.move("quick", 5, 5)
    store.move("slow", 3, 3)
    store.put_aside("quick", 2)
    before_ns = occurrence(5).t_ns + KEPT_NS
    store.prune(before_ns, ("quick", "slow"))
    assert [o.number for o in store.read(0, 10)] == [2, 4, 5]
    store.take_back("quick", 2)
    store.move("slow", 5, 5)
    store.prune(before_ns, ("quick", "slow"))
    assert (store.read(0, 10), store.last_number()) == ([], 5)
    store.close()
