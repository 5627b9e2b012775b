"""Every kind of output there is: one line each."""

from lowsky.outputs import mail, mqtt, webhook
from lowsky.outputs.sender import Kind

KINDS: dict[str, Kind] = {
    "mail": mail.KIND,
    "mqtt": mqtt.KIND,
    "webhook": webhook.KIND,
}
