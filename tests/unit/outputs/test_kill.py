"""GIVEN a process that tells alerts WHEN it is killed at any moment THEN none is lost and none comes twice unmarked."""

import random
import subprocess
import sys
import time

from tests.receivers import Hook

KILLS = 6  # `python -m benchmarks.outbox_kills` does a hundred


def told(folder, hook, kills, draw, least_s=0.25, most_s=0.7):
    """Kill a telling process so often, let the last one finish; the numbers that were acknowledged."""
    acknowledged = set()
    for kill in range(kills + 1):
        command = [sys.executable, "-m", "tests.outboxes", str(folder), hook.url, "100000" if kill < kills else "20"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            if kill < kills:
                first = process.stdout.readline()  # it runs
                time.sleep(draw.uniform(0.0, most_s - least_s))
                process.kill()
                rest = process.stdout.read()
                acknowledged |= {int(line) for line in (first + rest).splitlines(True) if line.endswith("\n")}
            else:
                # each life leaves the last one more to tell: it writes faster than the receiver reads
                out, err = process.communicate(timeout=60 + 3 * kills)
                assert process.returncode == 0, err
                acknowledged |= {int(line) for line in out.split()}
    return acknowledged


def slowly(body):
    """A receiver that takes its time: most kills come between what it got and what it answers."""
    time.sleep(0.01)
    return 204


def judged(events):
    """Numbers that came, and those that came twice without a mark."""
    came, twice = set(), []
    for event in events:
        number = int(event["sequence"])
        if number in came and not event["repeat"]:
            twice.append(number)
        came.add(number)
    return came, twice


def test_none_is_lost_and_none_comes_twice_unmarked_whenever_it_is_killed(tmp_path):
    draw = random.Random(100)
    with Hook(answer=slowly) as hook:
        acknowledged = told(tmp_path, hook, KILLS, draw)
        events = hook.events()
    came, twice = judged(events)
    assert acknowledged <= came
    assert came == set(range(1, max(came) + 1))  # gapless, so nothing was told of that was not written first
    assert twice == []
    assert len({event["id"] for event in events}) == len(came)
