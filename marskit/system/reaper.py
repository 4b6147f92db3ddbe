"""Kills the processes of a dead parent and removes its scratch directory.

Run as a script by `marskit.system.processes`, in a session of its own, with the parent's pipe as standard
input. Lines `+PGID` and `-PGID` register and release a process group. The end of the pipe means that the
parent is gone, however it ended. It imports nothing of marskit: it starts in milliseconds and stays small.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

REMOVE_DEADLINE_S = 2.0
"""Time for which a killed process may still write into the directory being removed, in seconds."""


def _read_groups(pipe: int) -> set[int]:
    groups: set[int] = set()
    pending = b""
    while chunk := os.read(pipe, 4096):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"+"):
                groups.add(int(line[1:]))
            else:
                groups.discard(int(line[1:]))
    return groups


def _remove(scratch: Path) -> None:
    deadline = time.monotonic() + REMOVE_DEADLINE_S
    while scratch.exists() and time.monotonic() < deadline:
        shutil.rmtree(scratch, ignore_errors=True)
        time.sleep(0.01)


def main() -> None:
    """Wait for the parent's end, then kill every registered group and remove the directory given, if any."""
    # Only the end of the pipe ends the reaper: a signal for the whole program must not disarm it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for group in _read_groups(sys.stdin.fileno()):
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:
            continue
    if len(sys.argv) > 1:
        _remove(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
