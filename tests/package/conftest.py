"""The wheel as somebody gets it: built from the sdist, in an environment of its own, without the checkout."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.paths import ROOT

BUILD_S = INSTALL_S = 170.0
RUN_S = 90.0


@dataclass(frozen=True, slots=True)
class Built:
    """What `python -m build` made."""

    sdist: Path
    wheel: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """The wheel in an environment of its own."""

    environment: Path
    folder: Path
    """Empty at first; everything is run from here."""
    before: Mapping[str, str]
    """What was installed, as of `contents`."""

    @property
    def site_packages(self) -> Path:
        (found,) = (self.environment / "lib").glob("python*/site-packages")
        return found

    @property
    def variables(self) -> dict[str, str]:
        """Home, temporary files and certificates of this process's environment; an empty cache."""
        names = ("HOME", "LANG", "TMPDIR", "NODE_EXTRA_CA_CERTS")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        path = os.pathsep.join((str(self.environment / "bin"), "/usr/bin", "/bin", "/usr/sbin", "/sbin"))
        return {**kept, "PATH": path, "XDG_CACHE_HOME": str(self.environment.parent / "cache")}

    def run(
        self, *command: str | Path, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in the folder and return what it said; it must succeed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.variables | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done

    def marskit(self, *arguments: str) -> str:
        """Run `marskit` and return its output."""
        return self.run(self.environment / "bin" / "marskit", *arguments).stdout


def contents(folder: Path) -> dict[str, str]:
    """The files below a folder with their hashes, but for what Python compiles."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def fresh_environment(folder: Path, *packages: str | Path) -> Path:
    """A new virtual environment with these packages."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=60)
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile")
    command: tuple[str | Path, ...] = (*pip, *packages)
    subprocess.run(command, check=True, timeout=INSTALL_S, stderr=subprocess.PIPE)
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("build")
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, listed):
        (folder / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / "checkout" / name, follow_symlinks=False)
    # What a checkout that was worked in has lying about.
    for junk in ("src/node_modules/junk/index.js", "locust/__pycache__/locustfile.pyc"):
        (folder / "checkout" / junk).parent.mkdir(parents=True)
        (folder / "checkout" / junk).touch()
    python = fresh_environment(folder / "venv", "build") / "bin" / "python"
    command: tuple[str | Path, ...] = (
        python,
        "-m",
        "build",
        "--outdir",
        folder / "dist",
        folder / "checkout",
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    environment = fresh_environment(folder / "venv", built.wheel)
    (folder / "empty").mkdir()
    (site_packages,) = (environment / "lib").glob("python*/site-packages")
    return Installed(environment, folder / "empty", contents(site_packages))
