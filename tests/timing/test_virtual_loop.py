import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from selectors import DefaultSelector, SelectorKey
from typing import Any, TypeVar

import pytest

from marskit.timing.virtual_loop import MOST_BEHIND_S, VirtualLoop

T = TypeVar("T")

HOUR_S = 3600.0


def run(main: Callable[[], Coroutine[Any, Any, T]], *, pace: float | None = None) -> T:
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(pace)) as runner:
        return runner.run(main())


def now() -> float:
    return asyncio.get_running_loop().time()


class Wall:
    """The real clock, which passes only while the loop waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        wall = self

        class Selector(DefaultSelector):
            def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
                wall.now_s += timeout or 0.0
                return super().select(0)

        monkeypatch.setattr("marskit.timing.virtual_loop.DefaultSelector", Selector)
        monkeypatch.setattr("marskit.timing.virtual_loop.monotonic", lambda: self.now_s)


@pytest.mark.parametrize("pace", [None, 1e6])
def test_timers_fire_in_order_and_at_their_times(pace: float | None) -> None:
    async def main() -> list[tuple[str, float]]:
        fired = []

        async def wait(name: str, *pauses_s: float) -> None:
            for pause_s in pauses_s:
                await asyncio.sleep(pause_s)
                fired.append((name, now()))

        await asyncio.gather(wait("a", 0.5, 24 * HOUR_S), wait("b", 0.25, 0.5), wait("c", HOUR_S))
        return fired

    expected = [("b", 0.25), ("a", 0.5), ("b", 0.75), ("c", HOUR_S), ("a", 0.5 + 24 * HOUR_S)]
    assert run(main, pace=pace) == expected


@pytest.mark.parametrize("pace", [None, 1e6])
def test_time_stands_still_while_a_thread_works(pace: float | None) -> None:
    async def main() -> tuple[list[float], float]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(1.0)
        timer = asyncio.create_task(asyncio.sleep(1.0))

        async def tell_time() -> float:
            return now()

        def work() -> list[float]:
            return [asyncio.run_coroutine_threadsafe(tell_time(), loop).result(10) for _ in range(50)]

        with ThreadPoolExecutor(1) as pool:
            seen = await loop.run_in_executor(pool, work)
        await timer
        return seen, now()

    assert run(main, pace=pace) == ([1.0] * 50, 2.0)


def test_a_thread_that_nobody_waits_for_any_longer_stops_no_time() -> None:
    async def main() -> float:
        release = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            waiting = asyncio.get_running_loop().run_in_executor(pool, release.wait)
            waiting.cancel()
            await asyncio.sleep(5.0)
            release.set()
        return now()

    assert run(main) == 5.0


@pytest.mark.parametrize("pace", [None, 10.0])
def test_what_comes_from_another_thread_is_taken_up_while_nothing_else_is_due(pace: float | None) -> None:
    async def main() -> bool:
        told = asyncio.Event()
        thread = threading.Thread(
            target=asyncio.get_running_loop().call_soon_threadsafe, args=(told.set,), daemon=True
        )
        thread.start()
        return await told.wait()

    assert run(main, pace=pace)


def test_what_comes_from_another_thread_is_taken_up_before_time_jumps_on() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(came.set_result, None))
        thread.start()
        thread.join()
        timer = asyncio.create_task(asyncio.sleep(HOUR_S))
        await asyncio.wait({timer, came}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        return now()

    assert run(main) == 0.0


def test_a_pace_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Wall(monkeypatch)

    async def main() -> list[float]:
        passed = []
        for _ in range(4):
            await asyncio.sleep(5.0)
            passed.append(wall.now_s - 1000.0)
            wall.now_s += 0.1  # work that takes a while
        return passed

    assert run(main, pace=10.0) == pytest.approx([0.5, 1.0, 1.5, 2.0])


def test_what_was_missed_is_not_rushed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = Wall(monkeypatch)

    async def main() -> list[float]:
        await asyncio.sleep(1.0)
        wall.now_s += 0.1 + 10 * MOST_BEHIND_S  # a machine that was asleep
        passed = []
        for _ in range(3):
            await asyncio.sleep(1.0)
            passed.append(wall.now_s)
        return [later - earlier for earlier, later in pairwise(passed)]

    assert run(main, pace=10.0) == pytest.approx([0.1, 0.1])


def test_time_has_passed_at_the_pace_when_something_comes_from_outside() -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        real = threading.Timer(0.02, loop.call_soon_threadsafe, (came.set_result, None))
        real.start()
        timer = asyncio.create_task(asyncio.sleep(1e6))
        await came
        timer.cancel()
        return now(), loop.time()

    first, second = run(main, pace=100.0)
    assert 2.0 <= first < 1e6
    assert first == second
