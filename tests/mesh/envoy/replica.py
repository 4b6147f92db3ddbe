"""A replica small enough for tests of supervision: answers /ready, and behaves badly when told to."""

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(0.5)
        if self.path == "/well" and not Path(os.environ["WELL"]).exists():
            self.send_error(503)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "http://127.0.0.1:1/")
            self.end_headers()
            return
        if self.path == "/known" and self.headers["x-probe"] != "kubelet":
            self.send_error(401)
            return
        body = f"{os.environ['HOSTNAME']} {os.environ['SEED']} {os.environ.get('GREETING', '')}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        """Take any fault from anybody."""
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    if os.environ.get("FAIL"):
        sys.exit(os.environ["FAIL"])
    time.sleep(float(os.environ.get("SLOW_S", "0")))
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        if closes := os.environ.get("CLOSES"):
            while not Path(closes).exists():
                server.handle_request()
        else:
            server.serve_forever()
    time.sleep(60)
