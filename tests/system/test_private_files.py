import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from marskit.system.private_files import (
    MOST_SOCKET_BYTES,
    UnsafeFolderError,
    make_private_folder,
    temporary_folder,
)
from marskit.system.processes import SOCKET_NAME_BYTES, scratch_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022])
def test_a_folder_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    former = os.umask(umask)
    try:
        make_private_folder(tmp_path / "new" / "folder")
        (tmp_path / "old").mkdir()
        make_private_folder(tmp_path / "old")
    finally:
        os.umask(former)
    assert mode(tmp_path / "new" / "folder") == mode(tmp_path / "old") == 0o700


@pytest.mark.parametrize("target", ["folder", "nowhere"])
def test_a_link_or_a_file_in_its_place_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(UnsafeFolderError, match="link exists and is not a folder of this user"):
        make_private_folder(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(UnsafeFolderError, match="file exists and is not a folder of this user"):
        make_private_folder(tmp_path / "file")
    assert mode(tmp_path / "folder") != 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(UnsafeFolderError, match="theirs exists and is not a folder of this user"):
        make_private_folder(tmp_path / "theirs")


def test_a_parent_where_everybody_may_replace_it_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(
        UnsafeFolderError, match=r"Everybody may replace files in .*, which lacks the sticky bit"
    ):
        make_private_folder(tmp_path / "run")
    tmp_path.chmod(0o1777)
    make_private_folder(tmp_path / "run")


def test_sockets_fit_however_long_the_temporary_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for length in (1, 40, 120):
        long = tmp_path / ("ü" * length)
        long.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(long))
        path = scratch_path("marskit-locust-")
        assert len(os.fsencode(path)) + 1 + SOCKET_NAME_BYTES <= MOST_SOCKET_BYTES
    assert path.parent == Path("/tmp")
    with pytest.raises(
        UnsafeFolderError, match=r"is \d+ bytes long, too long for UNIX sockets in it: set TMPDIR"
    ):
        temporary_folder(MOST_SOCKET_BYTES)


def test_names_cannot_be_guessed_and_logs_cannot_be_read(tmp_path: Path) -> None:
    assert len({scratch_path("marskit-") for _ in range(100)}) == 100
    code = """
import asyncio, os, sys
from pathlib import Path
from marskit.system.processes import Children
async def main():
    os.umask(0)
    folder = Path(sys.argv[1])
    children = Children(scratch=folder)
    children.make_scratch()
    child = await children.spawn("x", ["true"], env={}, cwd=Path("/"), log=folder / "x.log")
    await child.wait()
    print(oct(folder.stat().st_mode & 0o777), oct((folder / "x.log").stat().st_mode & 0o777))
    await children.close(grace_s=1)
asyncio.run(main())
"""
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0o700", "0o600"]
    assert not (tmp_path / "run").exists()
