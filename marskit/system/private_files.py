"""Folders and files that no other user of the machine can read, replace or make first."""

import os
import stat
import sys
import tempfile
from pathlib import Path

from marskit.errors import UserError

MOST_SOCKET_BYTES = 107 if sys.platform == "linux" else 103
"""Longest path of a UNIX socket, in bytes; the system adds a null byte."""


class UnsafeFolderError(UserError):
    """Another user could change what is in a folder; the message is one sentence for a person."""


def make_private_folder(folder: Path) -> None:
    """Make a folder that only this user can enter, and its parents; one that exists must be such a folder.

    Raises:
        UnsafeFolderError: It exists and is not ours alone, or others can put another one in its place.
        OSError: It cannot be made.
    """
    if not folder.parent.exists():
        make_private_folder(folder.parent)
    _check_parent(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # Not `stat`: a symbolic link leads wherever its maker wants.
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise UnsafeFolderError(f"{folder} exists and is not a folder of this user; remove it") from None
        folder.chmod(0o700)


def replace_private_text(path: Path, text: str) -> os.stat_result:
    """Write a file that only this user can read, by a rename: readers see the old one or the new one.

    Returns:
        The new file's status, taken before others could find the file.
    """
    temporary = path.with_name(f".{path.name}")
    temporary.touch(0o600)
    temporary.write_text(text)
    found = temporary.stat()
    temporary.replace(path)
    return found


def check_only_ours(folder: Path) -> None:
    """Refuse a folder whose content another user, except root, could have put there.

    Raises:
        UnsafeFolderError: It belongs to someone else, or others may write to it.
        OSError: It cannot be looked at.
    """
    found = folder.stat()
    if found.st_uid not in (os.geteuid(), 0):
        raise UnsafeFolderError(f"{folder} belongs to another user, who could have changed what is in it")
    if found.st_mode & stat.S_IWOTH:
        raise UnsafeFolderError(f"Everybody may write to {folder}: remove it, or forbid that with chmod")
    if found.st_mode & stat.S_IWGRP and found.st_uid == os.geteuid():
        # Where every user has a group of their own, new folders are like that.
        folder.chmod(found.st_mode & ~stat.S_IWGRP)


def temporary_folder(room_bytes: int) -> Path:
    """The temporary folder, or `/tmp` if a path in the former is too long for a UNIX socket.

    Args:
        room_bytes: Length of what follows in the longest path of a socket, with its slash.

    Raises:
        UnsafeFolderError: Both are too long or cannot be written.
    """
    usual = Path(tempfile.gettempdir()).absolute()
    for folder in (usual, Path("/tmp")):
        if len(os.fsencode(folder)) + room_bytes <= MOST_SOCKET_BYTES and os.access(folder, os.W_OK):
            return folder
    raise UnsafeFolderError(
        f"The path of the temporary folder {usual} is {len(os.fsencode(usual))} bytes long, too long for UNIX"
        f" sockets in it: set TMPDIR to a folder of at most {MOST_SOCKET_BYTES - room_bytes} bytes"
    )


def _check_parent(parent: Path) -> None:
    """Without the sticky bit, whoever may write to a folder may replace what others have in it."""
    mode = parent.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise UnsafeFolderError(
            f"Everybody may replace files in {parent}, which lacks the sticky bit: set it with"
            f" `chmod +t '{parent}'`, or choose another folder with TMPDIR"
        )
