"""The smallest sensors, frames and results for the ASTERIX feed's tests."""

from collections import Counter

import msgspec
from tests.feeds.asterix.synthetic import T0

from lowsky.feeds import asterix
from lowsky.model.ports import Frame
from lowsky.model.site import Sensor, Site

DAY = 20_000
SECOND = 1_000_000_000
NOON = (DAY * 86_400 + int(T0)) * SECOND
RADAR = Sensor(id="radar-1", kind="radar", latitude_rad=0.65, longitude_rad=2.2, height_m=40.0, max_range_m=2e5)
COOPERATIVE = Sensor(id="tracks", kind="cooperative", latitude_rad=0.65, longitude_rad=2.2, height_m=0.0)
SITE = Site(name="test", latitude_rad=0.65, longitude_rad=2.2, height_m=0.0, sensors=(RADAR, COOPERATIVE))


def config(**options):
    return msgspec.convert(options, asterix.Config)


def feed(sensor=RADAR, **options):
    return asterix.open_feed(config(**options), sensor, SITE)


def utc(t):
    """Nanoseconds of a second of the test's day."""
    return NOON + round((t - T0) * SECOND)


def run(normaliser, timed):
    """[(seconds of the day of arrival, datagram)] through a normaliser: (measurements, coverages, rejected).

    Checks the sum law on the way.
    """
    measured, covered, rejected, records = [], [], Counter(), 0
    for t, datagram in timed:
        result = normaliser(Frame(utc(t), datagram))
        assert result.records == sum(map(len, result.batches)) + result.rejected.total()
        assert result.held == 0
        records += result.records
        measured += [batch for batch in result.batches if len(batch)]
        covered += [batch for batch in result.batches if not len(batch)]
        rejected.update(result.rejected)
    return measured, covered, rejected


def rejected(normaliser, datagram, t=T0 + 1.0):
    """Why the records of one datagram were rejected, and that nothing was measured."""
    measured, _, counts = run(normaliser, [(t, datagram)])
    assert measured == []
    return {reason.name: count for reason, count in counts.items()}


def one(normaliser, datagram, t=T0 + 1.0):
    """The only batch of one datagram."""
    (measured, _, _) = run(normaliser, [(t, datagram)])
    (batch,) = measured
    return batch
