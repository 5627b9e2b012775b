"""A process that raises alerts and tells them, to be killed: `python -m tests.outboxes FOLDER URL COUNT`.

It writes the number of each occurrence to stdout once the outbox has it on disk; that much has been acknowledged.
"""

import sys
import time
from pathlib import Path

import msgspec

from lowsky.model.occurrence import Occurrence, Reference
from lowsky.model.output import Output
from lowsky.outputs.courier import Courier
from lowsky.outputs.outbox import Outbox
from lowsky.outputs.registry import KINDS
from lowsky.outputs.store import NAME

T_NS = 1_800_000_000_000_000_000
OUTPUT = Output(id="hook", kind="webhook")


def occurrence(number, series="k3v9k3v9", alert=None, **more):
    """The only one of an alert, or a later one of the alert that number ``alert`` raised."""
    references = () if alert in (None, number) else (Reference(number=alert, t_ns=T_NS + alert),)
    values = {
        "change": "raised-higher" if references else "raised", "site": "Harbour", "alert_id": alert or number,
        "priority": "high", "title": f"test {number}", "raised_ns": T_NS,
    }  # fmt: skip
    return Occurrence(series=series, number=number, t_ns=T_NS + number, references=references, **(values | more))


def webhook(url, output=OUTPUT, **options):
    kind = KINDS["webhook"]
    return kind.opens(msgspec.convert({"url": url, "timeout_s": 5.0} | options, kind.config), output, None)


def main(folder, url, count):
    outbox = Outbox(Path(folder) / NAME, (OUTPUT.id,))
    courier = Courier(OUTPUT, outbox, webhook(url))
    courier.start()
    for _ in range(count):
        outbox.put([occurrence(outbox.last_number + 1, outbox.series)])
        if outbox.flush():
            sys.stdout.write(f"{outbox.last_number}\n")
            sys.stdout.flush()
        time.sleep(0.002)
    while courier.status().waiting:
        time.sleep(0.01)
    courier.stop()
    outbox.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
