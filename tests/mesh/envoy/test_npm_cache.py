"""Npm packages are installed once, beside a copy of the sources, and whole or not at all."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from marskit.mesh.envoy import demo_services, npm_cache, npm_workspace
from marskit.mesh.envoy.demo_services import install_dependencies
from marskit.mesh.envoy.npm import PackagesError
from marskit.mesh.envoy.npm_cache import Lease, find, install
from marskit.mesh.envoy.npm_install import with_packages
from marskit.mesh.envoy.npm_workspace import read_workspace
from marskit.mesh.port import MeshError
from tests.mesh.envoy.npm_workspaces import silent_registry, small_workspace
from tests.paths import ROOT

WITHIN_S = 30.0


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of ours, and one of npm's: what this machine has downloaded before helps no test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    return tmp_path / "cache" / "marskit" / "services"


def lease_of(folder: Path) -> Lease:
    lease = find(read_workspace(folder))
    assert lease is not None
    return lease


def state_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def copies(cache: Path) -> set[str]:
    """The names of what is in the cache, the unfinished included."""
    return {entry.name for entry in cache.iterdir() if entry.is_dir()} if cache.is_dir() else set()


def eventually(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def installer(folder: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "marskit.mesh.envoy.demo_services", "install", str(folder)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_copy_holds_sources_and_packages_and_the_sources_stay_as_they_were(tmp_path: Path) -> None:
    source = small_workspace(tmp_path / "source")
    script = source / "member" / "run.sh"
    script.write_text("#!/bin/sh\necho it runs\n")
    script.chmod(0o555)
    before = state_of(source)
    install_dependencies(source)
    assert state_of(source) == before
    with lease_of(source) as lease:
        linked = lease.folder / "node_modules" / "member"
        assert linked.resolve() == lease.folder / "member"
        assert state_of(lease.folder).keys() - before.keys() == {"node_modules/.package-lock.json"}
        assert subprocess.check_output([linked / "run.sh"], text=True) == "it runs\n"


def test_packages_beside_the_sources_are_not_used(tmp_path: Path) -> None:
    source = small_workspace(tmp_path / "source")
    key = read_workspace(source).key
    (source / "node_modules").mkdir()
    (source / "node_modules" / "old.js").touch()
    assert read_workspace(source).key == key
    install_dependencies(source)
    with lease_of(source) as lease:
        assert not (lease.folder / "node_modules" / "old.js").exists()


def test_a_second_start_runs_no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = small_workspace(tmp_path / "source")
    install_dependencies(source)
    monkeypatch.setattr("marskit.mesh.envoy.npm.npm_command", lambda: ("/nonexistent/npm",))
    install_dependencies(source)


def test_a_second_start_reads_a_cache_that_cannot_be_written(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_workspace(tmp_path / "source")
    install_dependencies(source)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "utime", refuse)
    with lease_of(source) as lease:
        assert lease.folder.is_relative_to(cache)


def test_equal_sources_in_two_places_are_one_copy(tmp_path: Path, cache: Path) -> None:
    for name in ("one", "two"):
        install_dependencies(small_workspace(tmp_path / name))
    assert len(copies(cache)) == 1


def test_edited_sources_get_a_copy_of_their_own_without_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_workspace(tmp_path / "source")
    install_dependencies(source)
    with lease_of(source) as first:
        (first.folder / "node_modules" / "downloaded.js").write_text("once")
    (source / "member" / "index.js").write_text("export const edited = true\n")
    monkeypatch.setattr("marskit.mesh.envoy.npm.npm_command", lambda: ("/nonexistent/npm",))
    install_dependencies(source)
    with lease_of(source) as second:
        assert second.folder != first.folder
        assert (second.folder / "member" / "index.js").read_text() == "export const edited = true\n"
        assert (second.folder / "node_modules" / "downloaded.js").read_text() == "once"
        assert (second.folder / "node_modules" / "member").resolve() == second.folder / "member"
    assert not (first.folder / "member" / "index.js").exists()


@pytest.mark.parametrize(("assertion", "passes"), [("2", True), ("3", False)])
def test_a_workspaces_tests_run_in_the_copy(tmp_path: Path, *, assertion: str, passes: bool) -> None:
    source = small_workspace(tmp_path / "source")
    (source / "member" / "test").mkdir()
    script = f"import assert from 'node:assert/strict'\nassert.equal(1 + 1, {assertion})\n"
    (source / "member" / "test" / "sum.test.js").write_text(script)
    before = state_of(source)
    assert (demo_services.run_tests(source) == 0) is passes
    assert state_of(source) == before


def test_lock_file_node_and_an_executable_bit_are_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_workspace(tmp_path / "source")
    (source / "run.sh").touch(0o644)
    first = read_workspace(source)
    (source / "run.sh").chmod(0o755)
    executable = read_workspace(source)
    assert (executable.packages_key == first.packages_key, executable.key == first.key) == (True, False)
    (source / "package-lock.json").write_text("{}")
    locked = read_workspace(source)
    monkeypatch.setattr(npm_workspace, "node_version", lambda: "99.0.0")
    other_node = read_workspace(source)
    assert len({first.packages_key, locked.packages_key, other_node.packages_key}) == 3


def test_of_two_starts_at_once_one_installs_and_the_other_waits(tmp_path: Path, cache: Path) -> None:
    source = small_workspace(tmp_path / "source")
    starts = [installer(source) for _ in range(2)]
    said = [start.communicate(timeout=60) for start in starts]
    assert [start.returncode for start in starts] == [0, 0], said
    assert sum("downloading" in out for out, _ in said) == 1
    assert len(copies(cache)) == 1


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_an_installation_that_is_ended_leaves_nothing_half(
    tmp_path: Path, cache: Path, ending: signal.Signals
) -> None:
    source = small_workspace(tmp_path / "source", needs="never-arrives")
    with silent_registry() as registry:
        start = installer(source, npm_config_registry=registry)
        eventually(lambda: npm_of(start))
        npm = npm_of(start)
        start.send_signal(ending)
        ended(start)
        assert find(read_workspace(source)) is None
        if ending is signal.SIGTERM:
            assert start.returncode == 128 + signal.SIGTERM
            assert copies(cache) == set()
        else:
            for process in npm:
                process.kill()
    psutil.wait_procs(npm, timeout=WITHIN_S)
    assert not any(process.is_running() for process in npm)
    other = small_workspace(tmp_path / "other")
    install_dependencies(other)
    assert copies(cache) == {read_workspace(other).key}


def npm_of(start: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The npm that it runs by now, and not the Node.js that it asks for its version before."""
    return [each for each in psutil.Process(start.pid).children() if "ci" in each.cmdline()]


def ended(start: "subprocess.Popen[str]") -> None:
    try:
        start.communicate(timeout=WITHIN_S)
    finally:
        start.kill()
        start.communicate()


@pytest.mark.parametrize("after_ms", [0, 1, 2, 4, 8])
def test_an_installation_may_be_ended_while_it_starts_npm(tmp_path: Path, cache: Path, after_ms: int) -> None:
    source = small_workspace(tmp_path / "source", needs="never-arrives")
    with silent_registry() as registry:
        start = installer(source, npm_config_registry=registry)
        assert start.stdout is not None
        assert start.stdout.readline().startswith("downloading")
        time.sleep(after_ms / 1000)
        start.send_signal(signal.SIGTERM)
        ended(start)
        assert (start.returncode, copies(cache)) == (128 + signal.SIGTERM, set())
        assert not [each for each in psutil.process_iter() if working_under(each, cache)]


def working_under(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.cwd().startswith(str(folder))
    except psutil.Error:
        return False


def test_without_a_network_it_is_one_sentence(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_workspace(tmp_path / "source", needs="out-of-reach")
    with silent_registry() as closed:
        monkeypatch.setenv("npm_config_registry", closed)
    began_s = time.monotonic()
    with pytest.raises(PackagesError) as caught:
        install_dependencies(source)
    assert time.monotonic() - began_s < WITHIN_S
    message = str(caught.value)
    assert message.startswith(f"The npm packages of {source} cannot be downloaded (connect ECONNREFUSED")
    assert message.endswith(": the first start needs the network, later ones do not")
    assert copies(cache) == set()


def test_what_npm_refuses_is_one_sentence_with_its_reason(tmp_path: Path) -> None:
    source = small_workspace(tmp_path / "source")
    (source / "package.json").write_text("{")
    with pytest.raises(PackagesError) as caught:
        install_dependencies(source)
    message = str(caught.value)
    assert message.startswith(f"npm ci for {source} failed: ")
    assert "\n" not in message
    assert "package.json" in message.removeprefix(f"npm ci for {source} failed: ")


def test_a_folder_without_a_lock_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=r"has no package-lock\.json, so its npm packages cannot"):
        install_dependencies(tmp_path)


def test_a_cache_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    source = small_workspace(tmp_path / "source")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(PackagesError) as caught:
        install_dependencies(source)
    message = str(caught.value)
    assert message.startswith(f"The cache for npm packages cannot be used: {tmp_path}/file")
    assert message.endswith("Not a directory; XDG_CACHE_HOME can name another folder")


def test_few_copies_are_kept_and_none_in_use_is_removed(tmp_path: Path, cache: Path) -> None:
    source = small_workspace(tmp_path / "source")
    made: list[str] = []
    held: Lease | None = None
    for number in range(npm_cache.KEPT + 3):
        (source / "number.txt").write_text(str(number))
        workspace = read_workspace(source)
        install(workspace, lambda sentence: None)
        # Whatever the resolution of the file system's clock is.
        os.utime(cache / workspace.key / "in-use", ns=(number, number))
        made.append(workspace.key)
        if number == 1:
            held = lease_of(source)
            os.utime(cache / workspace.key / "in-use", ns=(number, number))
    assert held is not None
    assert copies(cache) == {made[1], *made[-npm_cache.KEPT + 1 :]} | {made[-npm_cache.KEPT]}
    assert (held.folder / "number.txt").read_text() == "1"
    held.close()


def installers() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "marskit.mesh.envoy.demo_services" in p.cmdline()]


async def test_a_start_tells_what_it_downloads_and_finds_it_afterwards(tmp_path: Path, cache: Path) -> None:
    source = small_workspace(tmp_path / "source")
    told: list[str] = []
    for _ in range(2):
        with await with_packages(source, told.append) as lease:
            assert (lease.folder / "node_modules" / "member" / "package.json").is_file()
    assert told == [f"downloading 0 npm packages to {cache}; later starts need no network"]


async def test_a_start_that_is_given_up_ends_its_installation(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_workspace(tmp_path / "source", needs="never-arrives")
    told: list[str] = []
    with silent_registry() as registry:
        monkeypatch.setenv("npm_config_registry", registry)
        starting = asyncio.create_task(with_packages(source, told.append))
        async with asyncio.timeout(WITHIN_S):
            while not told:  # noqa: ASYNC110 # another process can only be polled
                await asyncio.sleep(0.01)
        (process,) = installers()
        family = [process, *process.children(recursive=True)]
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    assert starting.cancelled()
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert copies(cache) == set()


async def test_a_failed_installation_is_told_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_workspace(tmp_path / "source")
    (source / "package.json").write_text("{")
    told: list[str] = []
    with pytest.raises(PackagesError, match=rf"^npm ci for {source} failed: [^\n]+$"):
        await with_packages(source, told.append)
    assert [sentence.partition(" ")[0] for sentence in told] == ["downloading"]
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    with pytest.raises(PackagesError, match=r"^[^\n]+$"):
        await with_packages(source, lambda sentence: None)


async def test_sources_that_never_rest_are_given_up(tmp_path: Path) -> None:
    source = small_workspace(tmp_path / "source")
    edits = iter(range(100))

    def edit(sentence: str) -> None:
        (source / "edited.txt").write_text(str(next(edits)))

    with pytest.raises(PackagesError, match="changes while its npm packages are being installed"):
        await with_packages(source, edit)
    shutil.rmtree(source)
    with pytest.raises(MeshError, match="has no package-lock"):
        await with_packages(source, edit)


@pytest.mark.parametrize("which", ["marskit", "marskit/services"])
def test_a_cache_that_others_could_fill_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    source = small_workspace(tmp_path / "source")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    install_dependencies(source)
    (tmp_path / which).chmod(0o777)
    with pytest.raises(
        PackagesError, match=r"^The cache for npm packages is not used: Everybody may write to"
    ):
        find(read_workspace(source))
    (tmp_path / which).chmod(0o770)
    with find(read_workspace(source)) or pytest.fail("no copy"):
        assert (tmp_path / which).stat().st_mode & 0o022 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_cache_of_another_user_is_neither_run_nor_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_workspace(tmp_path / "source")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    install_dependencies(source)
    os.chown(tmp_path / "marskit" / "services", 65534, 65534)
    with pytest.raises(PackagesError, match="belongs to another user"):
        find(read_workspace(source))
    with pytest.raises(PackagesError, match="is not a folder of this user"):
        install(read_workspace(source), lambda sentence: None)
