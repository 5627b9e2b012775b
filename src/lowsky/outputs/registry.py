"""Every kind of output there is: one line each."""

from lowsky.outputs import mqtt, webhook
from lowsky.outputs.sender import Kind

KINDS: dict[str, Kind] = {
    "mqtt": mqtt.KIND,
    "webhook": webhook.KIND,
}
