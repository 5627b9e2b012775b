"""Receivers of outputs on loopback, for tests and benchmarks: what they got, and how they may misbehave."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hook:
    """An HTTP server that keeps every POST: ``got`` has (arrival in s, headers, body). ``answer`` is the status, or a
    function of the body that returns it; ``hold`` keeps back answers while it is set."""

    def __init__(self, answer=204, tls=None, port=0):
        self.got, self.answer, self.hold = [], answer, threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                hook.got.append((time.time(), {k.lower(): v for k, v in self.headers.items()}, body))
                status = hook.answer(body) if callable(hook.answer) else hook.answer
                while hook.hold.is_set():
                    time.sleep(0.01)
                with suppress(OSError):
                    self.send_response(status)
                    if 300 <= status < 400:
                        self.send_header("location", f"{hook.url}elsewhere")
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, *words):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if tls is not None else ''}://127.0.0.1:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def events(self):
        return [json.loads(body) for _, _, body in list(self.got)]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.hold.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
