"""A cache of npm workspaces with their packages, shared by all runs of this user.

A copy holds sources and packages, because an ES module finds packages only beside itself. It is made in a
hidden folder and renamed when it is complete, so a copy under its final name is always complete.
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
from marskit.system.private_files import UnsafeFolderError, check_only_ours, make_private_folder
from marskit.system.user_cache import CacheError, user_cache

KEPT = 5
"""Number of copies that stay after an installation, the new one included; a copy in use always stays."""
_COPY = "workspace"
_IN_USE = "in-use"

Tell = Callable[[str], None]


class Lease:
    """Protects a copy from removal until it is closed or the process ends."""

    def __init__(self, folder: Path, file: BinaryIO) -> None:
        """Protect `folder` for as long as `file`, which holds the lock, is open."""
        self.folder = folder
        """The copy of the workspace, with its packages."""
        self._file = file

    def close(self) -> None:
        """Release the copy."""
        self._file.close()

    def __enter__(self) -> Self:
        """Protect the copy within a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the copy."""
        self.close()


def find(workspace: Workspace) -> Lease | None:
    """Find and protect the copy of the workspace; None if there is none.

    Raises:
        PackagesError: The cache cannot be read.
    """
    entry = _root() / workspace.key
    try:
        # What others could have put there would be run as this user.
        for folder in (entry.parent.parent, entry.parent, entry):
            check_only_ours(folder)
        file = (entry / _IN_USE).open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnsafeFolderError as error:
        raise PackagesError(f"The cache for npm packages is not used: {error}") from error
    except OSError as error:
        raise _unusable(error) from error
    fcntl.flock(file, fcntl.LOCK_SH)
    # Another process may have removed the copy before this one got the lock.
    if not (entry / _IN_USE).exists():
        file.close()
        return None
    with contextlib.suppress(OSError):
        # Records the time of the last use; a read-only cache works without.
        os.utime(entry / _IN_USE)
    return Lease(entry / _COPY, file)


def install(workspace: Workspace, tell: Tell) -> None:
    """Make the copy of the workspace unless it exists; several processes may call this at once.

    Args:
        workspace: The workspace.
        tell: Called with sentences on the progress.

    Raises:
        PackagesError: The packages cannot be installed, or the cache cannot be written.
    """
    root = _root()
    try:
        make_private_folder(root.parent)
        make_private_folder(root)
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
    except UnsafeFolderError as error:
        raise PackagesError(f"The cache for npm packages is not used: {error}") from error
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
    # Only sources were edited if another copy has the same packages; those are copied, not downloaded.
    like = next(root.glob(f"{workspace.packages_key}-*/{_COPY}/{PACKAGES_FOLDER}"), None)
    if like is not None:
        tell("copying the npm packages of an earlier start")
        shutil.copytree(like, copy / PACKAGES_FOLDER, symlinks=True, ignore=shutil.ignore_patterns(".cache"))
    else:
        tell(f"downloading {package_count(copy)} npm packages to {root}; later starts need no network")
        install_packages(copy, tell, shown=workspace.folder)
    (entry / _IN_USE).touch()
    # Before the rename, or a crash of the machine could leave empty files under the final name. One sync took
    # 0.2 s; an fsync for each of the 2,900 files took 13 s.
    os.sync()


@contextlib.contextmanager
def _only_one(path: Path, tell: Tell) -> Iterator[None]:
    """Hold the file's lock, which the system releases even if this process is killed."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another process that is installing npm packages")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_leftovers(root: Path) -> None:
    """Remove what killed installations left; the lock ensures that no other one is running."""
    for leftover in root.glob(".*.*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _prune(root: Path, spared: str) -> None:
    """Remove all but the `KEPT` most recently used copies."""
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
