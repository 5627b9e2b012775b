"""Every kind of output there is: one line each."""

from lowsky.outputs import mail, mqtt, webhook
from lowsky.outputs.cap import kind as cap
from lowsky.outputs.cot import kind as cot
from lowsky.outputs.sender import Kind

KINDS: dict[str, Kind] = {
    "cap": cap.KIND,
    "cot": cot.KIND,
    "mail": mail.KIND,
    "mqtt": mqtt.KIND,
    "webhook": webhook.KIND,
}
