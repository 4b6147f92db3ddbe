"""Copies of npm workspaces with their packages, shared by all runs of this user.

A copy holds sources and packages, for an ES module finds its packages only beside itself. It is made in a
folder with a dot before its name and renamed when it is whole, so one that has its name is complete.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Self

from marskit.mesh.envoy.npm import PackagesError, install_packages, package_count
from marskit.mesh.envoy.npm_workspace import PACKAGES_FOLDER, Workspace
from marskit.system.atomic_write import sync_folder
from marskit.system.user_cache import CacheError, user_cache

KEPT = 5
"""How many copies stay, the one that was made last included; those in use stay anyway."""
_COPY = "workspace"
_IN_USE = "in-use"

Tell = Callable[[str], None]


class Lease:
    """A copy that is not removed until this is closed, or the process ends in whatever way."""

    def __init__(self, folder: Path, file: BinaryIO) -> None:
        """`file` holds the lock."""
        self.folder = folder
        """The copy of the workspace, with its packages."""
        self._file = file

    def close(self) -> None:
        """Let the copy go."""
        self._file.close()

    def __enter__(self) -> Self:
        """Hold it within a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let it go."""
        self.close()


def find(workspace: Workspace) -> Lease | None:
    """The copy of the workspace, if there is one."""
    entry = _root() / workspace.key
    try:
        file = (entry / _IN_USE).open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unusable(error) from error
    fcntl.flock(file, fcntl.LOCK_SH)
    # It may have been pruned before the lock was ours.
    if not (entry / _IN_USE).exists():
        file.close()
        return None
    with contextlib.suppress(OSError):
        # Says when it was used last; a cache that cannot be written is none the worse.
        os.utime(entry / _IN_USE)
    return Lease(entry / _COPY, file)


def install(workspace: Workspace, tell: Tell) -> None:
    """Make the copy of the workspace, unless it is there; safe to call from several processes at once.

    Raises:
        PackagesError: The packages cannot be installed, or the cache cannot be written.
    """
    root = _root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _only_one(root / ".lock", tell):
            if (root / workspace.key).is_dir():
                return
            _remove_leftovers(root)
            unfinished = root / f".{workspace.key}.{secrets.token_hex(4)}"
            try:
                _fill(unfinished, workspace, root, tell)
                unfinished.rename(root / workspace.key)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
            sync_folder(root)
            _prune(root, spared=workspace.key)
    except OSError as error:
        raise _unusable(error) from error


def _root() -> Path:
    try:
        return user_cache() / "services"
    except CacheError as error:
        raise PackagesError(str(error)) from error


def _fill(entry: Path, workspace: Workspace, root: Path, tell: Tell) -> None:
    copy = entry / _COPY
    copy.mkdir(parents=True)
    workspace.write(copy)
    # An edited source needs no download: the packages beside another copy are the same.
    like = next(root.glob(f"{workspace.packages_key}-*/{_COPY}/{PACKAGES_FOLDER}"), None)
    if like is not None:
        tell("copying the npm packages of an earlier start")
        shutil.copytree(like, copy / PACKAGES_FOLDER, symlinks=True, ignore=shutil.ignore_patterns(".cache"))
    else:
        tell(f"downloading {package_count(copy)} npm packages to {root}; later starts need no network")
        install_packages(copy, tell, shown=workspace.folder)
    (entry / _IN_USE).touch()
    # Before the rename, or a crash of the machine could leave the name with empty files. Once for all files:
    # that took 0.2 s, where one fsync for each of the 2,900 took 13 s.
    os.sync()


@contextlib.contextmanager
def _only_one(path: Path, tell: Tell) -> Iterator[None]:
    """Hold the file's lock, which the system gives back even when this process is killed."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another start that installs npm packages")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_leftovers(root: Path) -> None:
    """Remove what installations left that were killed: whoever holds the lock is the only one at work."""
    for leftover in root.glob(".*.*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _prune(root: Path, spared: str) -> None:
    """Remove the copies that were not used for longest."""
    markers = sorted(
        (marker for marker in root.glob(f"[!.]*/{_IN_USE}") if marker.parent.name != spared),
        key=lambda marker: marker.stat().st_mtime,
        reverse=True,
    )
    for marker in markers[KEPT - 1 :]:
        with marker.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            removed = root / f".{marker.parent.name}.{secrets.token_hex(4)}"
            marker.parent.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)


def _unusable(error: OSError) -> PackagesError:
    return PackagesError(
        f"The cache for npm packages cannot be used: {error.filename or _root()}: {error.strerror};"
        " XDG_CACHE_HOME can name another folder"
    )
