import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from marskit.system import reaper as guard_script
from marskit.system.processes import Child, Children

pytestmark = pytest.mark.mesh

SLEEP = "import time; time.sleep(120)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); " + SLEEP


def wait_for(condition: Callable[[], bool], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running_children(scratch: Path | None = None) -> AsyncIterator[Children]:
    children = Children(scratch=scratch)
    try:
        yield children
    finally:
        await children.close(grace_s=0)


async def spawn_python(children: Children, code: str, folder: Path, *, name: str = "child") -> Child:
    argv = [sys.executable, "-c", code]
    return await children.spawn(name, argv, env=os.environ, cwd=folder, log=folder / f"{name}.log")


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def gone(processes_: list[psutil.Process]) -> bool:
    def dead(process: psutil.Process) -> bool:
        try:
            return not alive(process)
        except psutil.NoSuchProcess:
            return True

    return all(dead(process) for process in processes_)


class Parent:
    """A real program with children, to be killed in every way."""

    def __init__(self, scratch: Path) -> None:
        argv = [sys.executable, "-m", "tests.system.processes_parent", str(scratch)]
        self.popen = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline() == "running\n"
        family = psutil.Process(self.popen.pid).children(recursive=True)
        self.guard = next(process for process in family if "reaper.py" in " ".join(process.cmdline()))
        self.children = [process for process in family if process != self.guard]

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()
        assert self.popen.stdout is not None
        self.popen.stdout.close()


def test_a_killed_parent_leaves_neither_process_nor_directory(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    parent = Parent(scratch)
    assert len(parent.children) == 4
    parent.kill()
    wait_for(lambda: gone([*parent.children, parent.guard]) and not scratch.exists(), within_s=3)


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux's")
def test_children_die_with_the_parent_even_without_the_guard(tmp_path: Path) -> None:
    parent = Parent(tmp_path)
    parent.guard.kill()
    # The grandchild is the guard's business: the kernel's signal reaches only what the parent itself started.
    grandchild = next(process for process in parent.children if process.ppid() != parent.popen.pid)
    parent.children.remove(grandchild)
    wait_for(lambda: gone([parent.guard]), within_s=3)
    parent.kill()
    wait_for(lambda: gone(parent.children), within_s=3)
    grandchild.kill()


def test_the_guard_alone_is_enough(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True) as sleeper:
        argv = [sys.executable, "-I", "-S", str(guard_script.__file__), str(scratch)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE) as guard:
            assert guard.stdin is not None
            guard.stdin.write(f"+1000000\n-1000000\n+{sleeper.pid}\n".encode())
            guard.stdin.flush()
            guard.send_signal(signal.SIGCONT)
            assert sleeper.poll() is None
            guard.stdin.close()
            assert sleeper.wait(3) == -signal.SIGKILL
            assert guard.wait(3) == 0
    assert not scratch.exists()


async def test_output_and_exit_code_are_kept(tmp_path: Path) -> None:
    async with running_children() as children:
        child = await spawn_python(children, "import sys; print('out'); sys.exit('err')", tmp_path)
        assert child.returncode is None
        assert await child.wait() == 1
        assert child.returncode == 1
        assert sorted(child.log.read_text().split()) == ["err", "out"]
        child.signal(signal.SIGTERM)


async def test_a_child_gets_exactly_the_given_environment(tmp_path: Path) -> None:
    async with running_children() as children:
        child = await children.spawn(
            "env", ["/usr/bin/env"], env={"ONLY": "this"}, cwd=tmp_path, log=tmp_path / "log"
        )
        assert await child.wait() == 0
        assert child.log.read_text() == "ONLY=this\n"


async def test_a_program_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    async with running_children() as children:
        with pytest.raises(FileNotFoundError, match="no-such-program"):
            await children.spawn("x", ["no-such-program"], env={}, cwd=tmp_path, log=tmp_path / "log")


async def test_stop_asks_first(tmp_path: Path) -> None:
    async with running_children() as children:
        child = await spawn_python(children, SLEEP, tmp_path)
        assert await children.stop(child, grace_s=10) == -signal.SIGTERM


async def test_stop_escalates_when_the_child_is_deaf(tmp_path: Path) -> None:
    async with running_children() as children:
        child = await spawn_python(children, STUBBORN, tmp_path)
        await until(lambda: "deaf" in child.log.read_text())
        assert await children.stop(child, grace_s=0.1) == -signal.SIGKILL


async def test_what_a_child_started_goes_with_it(tmp_path: Path) -> None:
    nest = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{SLEEP}']).pid, flush=True)"
    )
    async with running_children() as children:
        child = await spawn_python(children, nest, tmp_path)
        assert await child.wait() == 0
        grandchild = int(child.log.read_text())
        wait_for(
            lambda: not psutil.pid_exists(grandchild) or not alive(psutil.Process(grandchild)), within_s=3
        )


async def test_an_exit_is_seen_at_once_and_without_a_thread(tmp_path: Path) -> None:
    threads = threading.active_count()
    async with running_children() as children:
        delays_ms = []
        for _ in range(5):
            child = await spawn_python(children, SLEEP, tmp_path)
            killed = time.perf_counter()
            child.signal(signal.SIGKILL)
            assert await child.wait() == -signal.SIGKILL
            delays_ms.append((time.perf_counter() - killed) * 1000)
        assert threading.active_count() == threads
        assert min(delays_ms) < 50


async def test_exits_are_also_seen_by_polling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    async with running_children() as children:
        child = await spawn_python(children, "raise SystemExit(7)", tmp_path)
        async with asyncio.timeout(10):
            assert await child.wait() == 7


async def test_two_families_do_not_interfere(tmp_path: Path) -> None:
    (first_scratch := tmp_path / "first").mkdir()
    (second_scratch := tmp_path / "second").mkdir()
    async with running_children(second_scratch) as second:
        first = Children(scratch=first_scratch)
        ours = await spawn_python(second, SLEEP, second_scratch)
        theirs = await spawn_python(first, SLEEP, first_scratch)
        await first.close(grace_s=5)
        assert theirs.returncode == -signal.SIGTERM
        assert not first_scratch.exists()
        assert ours.returncode is None
        assert second_scratch.exists()
    assert ours.returncode is not None
    assert not second_scratch.exists()


async def test_nothing_starts_once_the_family_is_closed(tmp_path: Path) -> None:
    children = Children()
    await children.close(grace_s=0)
    with pytest.raises(RuntimeError, match="cannot start late"):
        await spawn_python(children, SLEEP, tmp_path, name="late")


async def test_a_killed_guard_is_replaced_at_the_next_spawn(tmp_path: Path) -> None:
    def guards() -> list[psutil.Process]:
        family = filter(alive, psutil.Process().children())
        return [process for process in family if "reaper.py" in " ".join(process.cmdline())]

    async with running_children() as children:
        await spawn_python(children, SLEEP, tmp_path, name="a")
        (guard,) = guards()
        guard.kill()
        await until(lambda: not psutil.pid_exists(guard.pid))
        await spawn_python(children, SLEEP, tmp_path, name="b")
        assert len(guards()) == 1
