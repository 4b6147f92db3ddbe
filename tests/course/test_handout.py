"""The course as a folder of its own, and JupyterLab on it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from marskit.cli.main import main
from marskit.course.handout import HandoutError, is_course, write
from tests.notebooks.jupyter import until
from tests.paths import ROOT

FOR_INSTRUCTORS = re.compile(r"solutions/|INSTRUCTOR\.md$|Containerfile$")


def tracked() -> set[str]:
    listed = subprocess.check_output(["git", "ls-files", "."], cwd=ROOT / "notebooks", text=True)
    return set(listed.splitlines())


def written(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_class_gets_the_course_without_solutions_and_an_instructor_gets_all(tmp_path: Path) -> None:
    for name in ("class", "all"):
        assert not is_course(tmp_path / name)
        write(tmp_path / name, for_instructors=name == "all")
        assert is_course(tmp_path / name)
    assert written(tmp_path / "all") == tracked()
    assert written(tmp_path / "class") == {name for name in tracked() if not FOR_INSTRUCTORS.search(name)}
    for name in tracked():
        assert (tmp_path / "all" / name).read_bytes() == (ROOT / "notebooks" / name).read_bytes()


def test_a_folder_that_holds_something_else_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").touch()
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(HandoutError, match=rf"^{place} is not an empty folder; [^\n]+$"):
            write(place)
        assert main(["notebooks", str(place)]) == 2
        assert f"{place} is not an empty folder" in capsys.readouterr().err
    assert written(tmp_path) == {"notes.txt"}


@pytest.mark.notebook
@pytest.mark.timeout(120)
def test_the_command_opens_the_folder_for_this_machine_only(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            (sys.executable, "-m", "marskit", "notebooks", "course", "--no-browser", "--port", "18917"),
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: "/lab/tree/00-tour.md?token=" in log.read_text(), 90.0, "JupyterLab did not start")
        addresses = set(re.findall(r"https?://([^:/]+)", log.read_text()))
    finally:
        server.terminate()
        server.wait(30)
    assert addresses <= {"127.0.0.1", "localhost"}
    assert (tmp_path / "course" / "00-tour.md").is_file()
