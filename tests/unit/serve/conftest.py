"""A real server on a free port."""

import threading

import pytest
from tests.unit.serve.pictures import RecordedControls, picture

from lowsky.engine.hub import Hub
from lowsky.serve.run import serve


class Running:
    def __init__(self, hub, controls, url):
        self.hub, self.controls, self.url = hub, controls, url
        self.port = int(url.rsplit(":", 1)[1].strip("/"))


@pytest.fixture
def running():
    """A server with one picture."""
    hub, controls, stop, up, address = Hub(), RecordedControls(), threading.Event(), threading.Event(), []

    def ready(url):
        address.append(url)
        up.set()

    hub.publish(picture())
    thread = threading.Thread(target=serve, args=(hub, controls), kwargs={"port": 0, "ready": ready, "stop": stop})
    thread.start()
    try:
        assert up.wait(30.0)
        yield Running(hub, controls, address[0])
    finally:
        stop.set()
        thread.join(15.0)
        assert not thread.is_alive()
