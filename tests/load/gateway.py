"""A stand-in for the gateway that notes when each request came."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Received:
    """One request."""

    at_s: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Received], tuple[int, object]]


def honest(request: Received) -> tuple[int, object]:
    """Answer as the demo does when everything works."""
    variant = request.headers.get("x-variant", "food")
    return (201 if request.method == "POST" else 200), {"recommendation": {"variant": variant}}


@dataclass
class Gateway:
    """What came in, and how it is answered."""

    url: str = ""
    answer: Answer = honest
    received: list[Received] = field(default_factory=list)

    def count(self, from_s: float, until_s: float) -> int:
        """Requests between two moments of the monotonic clock."""
        return sum(from_s <= request.at_s < until_s for request in list(self.received))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that is killed leaves its connections open: that is what some tests are about.
        pass


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    """Serve on a free port of the loopback interface."""
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(time.monotonic(), self.command, self.path, headers, body)
            gateway.received.append(request)
            status, answer = gateway.answer(request)
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = handle_any

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield gateway
        finally:
            server.shutdown()
            thread.join()
