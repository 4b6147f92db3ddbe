"""From the command to the first frame and to the first request that the gateway answers.

Run: `python -m benchmarks.startup`
"""

import tempfile
import time
import urllib.error
import urllib.request
from statistics import median

from benchmarks.report import Figure, show, spread
from benchmarks.terminal import Terminal
from marskit.mesh.envoy import demo_services
from marskit.system.free_ports import LOOPBACK, PortPicker

RUNS = 7
GIVE_UP_S = 30.0


def measure() -> int:
    frames, requests = [], []
    with tempfile.TemporaryDirectory() as runs:
        for number in range(RUNS + 1):
            port = PortPicker().pick()
            with Terminal(["--gateway-port", str(port), "--scenario", "steady", "--runs", runs]) as terminal:
                answered_s = _first_answer_s(f"http://{LOOPBACK}:{port}/orders", terminal)
                time.sleep(0.5)
            if number:  # The first run warms the file caches.
                frames.append(terminal.first_frame_s or GIVE_UP_S)
                requests.append(answered_s)
    return show(
        "Warm start",
        [
            Figure("first frame", spread(frames, "s"), "1.0 s", median(frames) <= 1.0),
            Figure(
                "first request answered by the gateway",
                spread(requests, "s"),
                "2.0 s",
                median(requests) <= 2.0,
            ),
        ],
    )


def _first_answer_s(url: str, terminal: Terminal) -> float:
    """Ask until a service behind the gateway answers; seconds from the command."""
    while time.monotonic() - terminal.started_s < GIVE_UP_S:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return time.monotonic() - terminal.started_s
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    return GIVE_UP_S


if __name__ == "__main__":
    demo_services.install_dependencies()
    raise SystemExit(measure())
