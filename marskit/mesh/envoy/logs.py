"""The logs of Envoy and the replicas: their last words, and their length."""

import contextlib
from pathlib import Path

LIMIT_BYTES = 4_000_000
_END_BYTES = 4096


def last_line(log: Path) -> str:
    """The most informative line near the end of a log: the last with an error, else the last."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _END_BYTES))
        lines = [line.strip() for line in file.read().decode(errors="replace").split("\n") if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        return next(iter(errors[-1:] or lines[-1:]), "")
    return ""


def bound(folder: Path) -> None:
    """Truncate the logs that have grown too long.

    All writers append, so truncation loses old lines and nothing else.
    """
    for log in folder.iterdir():
        if log.stat().st_size > LIMIT_BYTES:
            with log.open("r+b") as file:
                file.truncate()
