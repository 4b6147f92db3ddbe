"""Runs `npm ci`; reports its progress, and a failure in one sentence."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from marskit.mesh.envoy.binaries import node_binary, npm_command
from marskit.mesh.envoy.npm_workspace import LOCK_FILE
from marskit.mesh.port import MeshError

TIMEOUT_S = 600
"""Longest time for an installation, in seconds."""
_PROGRESS_S = 2.0
"""Shortest interval between reports of progress, in seconds."""
_ERROR = "npm error "
# Few and short retries: with npm's defaults a missing network is reported after two and a half minutes.
_COMMAND = (
    *("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=http"),
    *(
        "--prefer-offline",
        "--fetch-retries=2",
        "--fetch-retry-mintimeout=500",
        "--fetch-retry-maxtimeout=4000",
    ),
)
_NO_NETWORK = (
    *("EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "ETIMEDOUT"),
    *("ERR_SOCKET_TIMEOUT", "FETCH_ERROR"),
)


class PackagesError(MeshError):
    """The npm packages of a workspace cannot be installed; the message is one sentence for a person."""


def install_packages(folder: Path, tell: Callable[[str], None], *, shown: Path | None = None) -> None:
    """Install the packages of the lock file in `folder` into `node_modules` beside it.

    Args:
        folder: The workspace to install into.
        tell: Called with a sentence on the progress every two seconds or more.
        shown: The folder that error messages name; None for `folder`.

    Raises:
        PackagesError: npm failed, the network cannot be reached, or it took longer than `TIMEOUT_S`.
    """
    shown = shown or folder
    count = package_count(folder)
    process: subprocess.Popen[str] | None = None
    timeout: threading.Timer | None = None
    started_s = time.monotonic()
    try:
        with _signals_held():
            process = subprocess.Popen(
                (*npm_command(), *_COMMAND),
                cwd=folder,
                env=_node_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            timeout = threading.Timer(TIMEOUT_S, process.kill)
            # Nobody waits for it at the end of the program, wherever an ending came between.
            timeout.daemon = True
            timeout.start()
        assert process.stderr is not None
        with process.stderr:
            errors = _follow(process.stderr, count, tell)
        process.wait()
    finally:
        if timeout is not None:
            timeout.cancel()
        if process is not None:
            process.kill()
            process.wait()
    if process.returncode == 0:
        return
    if time.monotonic() - started_s >= TIMEOUT_S:
        raise PackagesError(f"npm ci for {shown} did not finish within {TIMEOUT_S} s: is the network slow?")
    raise PackagesError(_complaint(errors, shown))


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Deliver SIGINT and SIGTERM after the block: between a start and its name, npm could not be ended.

    A child begins with the same mask; Node.js resets its own.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _follow(lines: Iterable[str], count: int, tell: Callable[[str], None]) -> list[str]:
    """Report progress by the archives that npm has fetched; return its error lines."""
    done, told_s, errors = 0, time.monotonic(), []
    for line in lines:
        if line.startswith(_ERROR):
            errors.append(line.removeprefix(_ERROR).strip())
        elif line.startswith("npm http") and ".tgz" in line and " 200 " in line:
            done += 1
            if time.monotonic() - told_s >= _PROGRESS_S:
                told_s = time.monotonic()
                tell(f"{done} of {count} npm packages downloaded")
    return errors


def _complaint(errors: Sequence[str], shown: Path) -> str:
    """The error in npm's words, without codes, stack and advice about log files."""
    reason = next((line for line in errors if "reason: " in line), None)
    code = next((line.removeprefix("code ") for line in errors if line.startswith("code ")), "")
    if code in _NO_NETWORK:
        why = reason.partition("reason: ")[2] if reason else code
        return (
            f"The npm packages of {shown} cannot be downloaded ({why}): the first start needs the network,"
            " later ones do not"
        )
    prefixes = ("code ", "syscall ", "errno ", "path ")
    said = [line for line in errors if line and not line.startswith(prefixes)]
    return f"npm ci for {shown} failed: {next(iter(said or errors), 'npm gave no reason')}"


def package_count(folder: Path) -> int:
    """Number of packages in the lock file, without those of the workspace itself; 0 if it cannot be read."""
    try:
        packages = json.loads((folder / LOCK_FILE).read_bytes())["packages"]
        return sum(1 for name, entry in packages.items() if "node_modules/" in name and "link" not in entry)
    except (ValueError, KeyError, TypeError, AttributeError):
        # npm's own message about the file is better.
        return 0


def _node_environment() -> dict[str, str]:
    """This process's environment, with marskit's Node.js first on PATH."""
    return os.environ | {"PATH": os.pathsep.join((str(node_binary().parent), os.environ.get("PATH", "")))}
