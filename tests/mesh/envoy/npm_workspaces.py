"""Workspaces to install that need nothing from outside, and one whose only package never arrives."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marskit.system.free_ports import LOOPBACK


def small_workspace(folder: Path, *, needs: str | None = None) -> Path:
    """A workspace in which nothing is downloaded: its only package is a member of its own.

    Args:
        folder: Where it is made.
        needs: A package from the registry that it names as well.
    """
    package: dict[str, object] = {"name": "small", "version": "1.0.0", "workspaces": ["member"]}
    member = {"name": "member", "version": "1.0.0"}
    packages = {"": package, "member": member, "node_modules/member": {"resolved": "member", "link": True}}
    if needs is not None:
        package["dependencies"] = {needs: "1.0.0"}
        packages[f"node_modules/{needs}"] = {"version": "1.0.0"}
    lock = {"name": "small", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": packages}
    (folder / "member").mkdir(parents=True)
    (folder / "member" / "package.json").write_text(json.dumps(member))
    (folder / "package.json").write_text(json.dumps(package))
    (folder / "package-lock.json").write_text(json.dumps(lock))
    return folder


@contextmanager
def silent_registry() -> Iterator[str]:
    """The URL of a registry that takes connections and never answers."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield f"http://{LOOPBACK}:{server.getsockname()[1]}/"
