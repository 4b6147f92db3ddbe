"""What another user of the machine may try, with the standard library alone: run as that user.

Reads pids, folders and ports as JSON from standard input, and writes what succeeded as JSON.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import sys
from pathlib import Path

# Envoy's admin interface, the demo's services and Locust's web API.
_ATTACKS = (
    ("POST", "/quitquitquit", ""),
    ("POST", "/healthcheck/fail", ""),
    ("POST", "/drain_listeners", ""),
    ("POST", "/logging?level=trace", ""),
    ("POST", "/reset_counters", ""),
    ("GET", "/config_dump", ""),
    ("GET", "/stats", ""),
    ("PUT", "/chaos", '{"error_percent": 100}'),
    ("DELETE", "/chaos", ""),
    ("GET", "/chaos", ""),
    ("POST", "/swarm", "user_count=500&spawn_rate=500&host=http://127.0.0.1:1"),
    ("GET", "/stop", ""),
    ("POST", "/stop", ""),
    ("GET", "/stats/reset", ""),
    ("POST", "/stats/reset", ""),
    ("GET", "/stats/requests", ""),
    ("GET", "/.marskit/generation", ""),
)
_ZMQ_GREETING = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03"


def requested(port: int) -> dict[str, int]:
    """The status of every attack, with and without something that looks like a token; -1 is no answer."""
    statuses: dict[str, int] = {}
    for method, path, body in _ATTACKS:
        for token in ("", "Bearer", "Bearer undefined", "Bearer null"):
            headers = {"content-type": "application/json" if body.startswith("{") else "text/plain"}
            if path == "/swarm":
                headers["content-type"] = "application/x-www-form-urlencoded"
            if token:
                headers["authorization"] = token
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            status = -1
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request(method, path, body=body or None, headers=headers)
                status = connection.getresponse().status
            connection.close()
            name = f"{method} {path}"
            statuses[name] = min(status, statuses[name]) if status > 0 and name in statuses else status
    return statuses


def speaks_zmq(port: int) -> bool:
    """Whether a ZeroMQ socket greets back."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as connection:
        connection.sendall(_ZMQ_GREETING)
        connection.settimeout(0.5)
        return connection.recv(1) == b"\xff"
    return False


def opened(path: str) -> bool:
    with contextlib.suppress(OSError), Path(path).open("rb"):
        return True
    return False


def listed(path: str) -> bool:
    with contextlib.suppress(OSError):
        list(Path(path).iterdir())
        return True
    return False


def killed(pid: int, number: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(pid, number)
        return True
    return False


def replaced(folder: str) -> bool:
    with contextlib.suppress(OSError):
        Path(folder).rename(f"{folder}.mine")
        return True
    with contextlib.suppress(OSError), Path(folder, "xds", "cds.json").open("a"):
        return True
    return False


def connected(folders: list[str]) -> list[str]:
    """The UNIX sockets of the folders, and abstract ones, that a connection succeeded to."""
    found = []
    with Path("/proc/net/unix").open() as table:
        paths = {line.split()[7] for line in table if len(line.split()) == 8}
    for path in sorted(paths):
        if any(path.startswith(folder) for folder in folders) or path.startswith("@marskit"):
            address = "\0" + path[1:] if path.startswith("@") else path
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
                connection.connect(address)
                found.append(path)
    return found


def main() -> None:
    """Try everything."""
    aim = json.load(sys.stdin)
    # A check of the check: whoever owns the run only looks.
    victims, targets = ([], []) if aim["only_look"] else (aim["pids"], aim["folders"])
    command_lines = {}
    for pid in aim["pids"]:
        with contextlib.suppress(OSError), Path(f"/proc/{pid}/cmdline").open("rb") as file:
            command_lines[str(pid)] = file.read().decode(errors="replace")
    json.dump(
        {
            "uid": os.geteuid(),
            "command_lines": command_lines,
            "environments": [pid for pid in aim["pids"] if opened(f"/proc/{pid}/environ")],
            "descriptors": [pid for pid in aim["pids"] if listed(f"/proc/{pid}/fd")],
            "memories": [pid for pid in aim["pids"] if opened(f"/proc/{pid}/mem")],
            "killed": [
                pid
                for pid in victims
                for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL)
                if killed(pid, number)
            ],
            "listed": [folder for folder in aim["folders"] if listed(folder)],
            "replaced": [folder for folder in targets if replaced(folder)],
            "connected": connected(aim["folders"]),
            "zmq": [port for port in aim["ports"] if speaks_zmq(port)],
            "statuses": {str(port): requested(port) for port in aim["ports"]},
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
