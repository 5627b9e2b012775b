"""Every kind of output there is: one line each."""

from lowsky.outputs import webhook
from lowsky.outputs.sender import Kind

KINDS: dict[str, Kind] = {
    "webhook": webhook.KIND,
}
