import asyncio
import contextlib
import math
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import httpx
import psutil
import pytest

from marskit.domain.load import LoadSample, LoadStatus, RequestFailure
from marskit.load.arrivals import user_arrivals
from marskit.load.locust_process import LocustLoad
from marskit.load.port import Load, LoadError
from marskit.load.scenario import Scenario, load_scenario
from marskit.timing.clock import LoopClock
from tests.load.gateway import Gateway, Received, honest, running_gateway
from tests.load.scenarios import a_scenario
from tests.paths import ROOT

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("locust")]

SEED = 3


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running_gateway() as gateway:
        yield gateway


@dataclass
class Running:
    load: LocustLoad
    scenario: Scenario
    family: list[psutil.Process]
    """Locust's processes and their guard."""


def our_children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


@asynccontextmanager
async def running(
    scenario: Scenario, gateway: Gateway, folder: Path, workers: int = 0
) -> AsyncIterator[Running]:
    before = our_children()
    load = LocustLoad(scenario, seed=SEED, clock=LoopClock(), run_directory=folder / "load", workers=workers)
    try:
        await load.start(gateway.url)
        yield Running(load, scenario, list(our_children() - before))
    finally:
        await load.stop()
    assert our_children() == before


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def received_at_least(gateway: Gateway, count: int) -> None:
    async def enough() -> bool:
        return len(gateway.received) >= count

    await until(enough)


async def sampled(load: LocustLoad, condition: Callable[[LoadSample], bool]) -> LoadSample:
    found: list[LoadSample] = []

    async def holds() -> bool:
        found.append(await load.sample())
        return condition(found[-1])

    await until(holds)
    return found[-1]


def steady(folder: Path, rate: float = 40, name: str = "steady") -> Scenario:
    (folder / name).mkdir(exist_ok=True)
    return a_scenario(folder / name, f'kind = "steady"\nbase_requests_per_s = {rate}')


def test_it_is_a_load() -> None:
    def takes(load: Load) -> None:
        pass

    def compiles(load: LocustLoad) -> None:
        takes(load)

    assert callable(compiles)


async def test_it_sends_what_the_arrivals_say_when_they_say_it(gateway: Gateway, tmp_path: Path) -> None:
    rates = "base_requests_per_s = 20\npeak_requests_per_s = 80"
    arrival = f'kind = "spike"\n{rates}\nfrom_s = 10\nuntil_s = 20\nedge_s = 0'
    scenario = a_scenario(tmp_path, arrival, head="speed = 7.5")
    async with running(scenario, gateway, tmp_path) as run:
        first = await sampled(run.load, lambda sample: sample.scenario_s > 0)
        begun_s = time.monotonic() - first.scenario_s / scenario.speed
        last = await sampled(run.load, lambda sample: sample.scenario_s > 30)
    assert first.status is last.status is LoadStatus.RUNNING
    assert (last.users, last.factor, last.offered_requests_per_s) == (10, 1, 20)
    streams = [user_arrivals(scenario, SEED, user) for user in range(scenario.users)]
    due = sorted(a.at_s for stream in streams for a in takewhile(lambda a: a.at_s < 5, stream))
    sent = sorted(request.at_s - begun_s for request in list(gateway.received))
    # The very last ones may overtake each other on their way, or be cut off by the end.
    assert abs(len(sent) - sum(at_s <= sent[-1] for at_s in due)) <= 3
    late_s = [after - before for before, after in zip(due, sent, strict=False)]
    assert sorted(late_s)[len(late_s) // 2] == pytest.approx(0, abs=0.05)
    assert max(map(abs, late_s)) < 0.5


async def test_the_sample_shows_the_rate_and_the_failures(gateway: Gateway, tmp_path: Path) -> None:
    def half_broken(request: Received) -> tuple[int, object]:
        return (503, {}) if request.method == "POST" else honest(request)

    async with running(steady(tmp_path), gateway, tmp_path) as run:
        healthy = await sampled(run.load, lambda sample: sample.scenario_s > 2.5)
        assert healthy.sent_requests_per_s == pytest.approx(40, abs=4 * math.sqrt(40 / 2))
        assert healthy.failures_per_s == 0
        gateway.answer = half_broken
        await sampled(run.load, lambda sample: sample.scenario_s > 5)
        broken = await run.load.sample()
    # Three quarters of the mix are POST.
    assert broken.failures_per_s == pytest.approx(30, abs=4 * math.sqrt(30 / 2))


async def test_the_request_is_as_the_scenario_says(gateway: Gateway, tmp_path: Path) -> None:
    async with running(load_scenario("canary"), gateway, tmp_path):
        await received_at_least(gateway, 60)
    orders = [request for request in gateway.received if request.method == "POST"]
    assert {request.path for request in gateway.received} == {"/orders"}
    assert {request.body for request in orders} == {b'{"item": "book", "quantity": 1, "amount": 10.0}'}
    assert {request.headers["content-type"] for request in orders} == {"application/json"}
    assert {request.headers.get("x-variant") for request in orders} == {None, "food", "music"}


async def test_the_canary_check_notices_the_wrong_variant(gateway: Gateway, tmp_path: Path) -> None:
    def always_food(request: Received) -> tuple[int, object]:
        return (201 if request.method == "POST" else 200), {"recommendation": {"variant": "food"}}

    async with running(load_scenario("canary"), gateway, tmp_path) as run:
        await received_at_least(gateway, 60)
        assert (await run.load.sample()).failures_per_s == 0
        gateway.answer = always_food
        await sampled(run.load, lambda sample: (sample.failures_per_s or 0) > 0)
        transport = httpx.AsyncHTTPTransport(uds=str(run.load._child.web_socket))
        async with httpx.AsyncClient(transport=transport) as client:
            stats = (await client.get("http://locust/stats/requests")).json()
    (error,) = stats["errors"]
    assert error["name"] == "order, music wanted"
    assert "recommendation.variant is 'food', expected 'music'" in error["error"]


async def test_the_factor_changes_the_rate_while_it_runs(gateway: Gateway, tmp_path: Path) -> None:
    async with running(steady(tmp_path), gateway, tmp_path) as run:
        await run.load.set_factor(3)
        crowd = await sampled(
            run.load, lambda sample: sample.users == 30 and sample.offered_requests_per_s > 0
        )
        assert (crowd.factor, crowd.offered_requests_per_s) == (3, 120)
        from_s = time.monotonic()
        await sampled(run.load, lambda sample: sample.at_s > crowd.at_s + 2.5)
        assert gateway.count(from_s, from_s + 2) == pytest.approx(240, abs=4 * math.sqrt(240))
        await run.load.set_factor(1)
        calm = await sampled(run.load, lambda sample: sample.users == 10)
        # The users that are left take over the numbers, and with them the arrivals, of those who went.
        settled = await sampled(run.load, lambda sample: sample.at_s > calm.at_s + 0.5)
        from_s, scenario_s = time.monotonic(), settled.scenario_s
        await sampled(run.load, lambda sample: sample.at_s > settled.at_s + 2.2)
        streams = [user_arrivals(run.scenario, SEED, user) for user in range(10)]
        due = sum(
            scenario_s <= a.at_s for s in streams for a in takewhile(lambda a: a.at_s < scenario_s + 2, s)
        )
        assert gateway.count(from_s, from_s + 2) == pytest.approx(due, abs=6)


async def test_another_scenario_starts_at_its_beginning(gateway: Gateway, tmp_path: Path) -> None:
    async with running(steady(tmp_path, 10), gateway, tmp_path) as run:
        await received_at_least(gateway, 5)
        other = steady(tmp_path, 100, "other")
        await run.load.set_scenario(str(other.path))
        from_s = time.monotonic()
        sample = await run.load.sample()
        assert sample.scenario_s < 1
        assert sample.offered_requests_per_s in (0, 100)
        assert run.load.scenario.curve[0] == (0, 100)
        await sampled(run.load, lambda sample: sample.scenario_s > 2.5)
        assert gateway.count(from_s + 0.4, from_s + 2.4) == pytest.approx(200, abs=4 * math.sqrt(200))


async def test_what_cannot_be_is_refused_in_one_sentence(gateway: Gateway, tmp_path: Path) -> None:
    async with running(steady(tmp_path), gateway, tmp_path) as run:
        for factor in (0.0, -1.0, 11.0, math.nan):
            with pytest.raises(LoadError, match=r"must be above 0 and at most 10, not "):
                await run.load.set_factor(factor)
        with pytest.raises(LoadError, match='Unknown scenario "nope"'):
            await run.load.set_scenario("nope")
        assert run.load.scenario.name == "test"
        assert (await run.load.sample()).status is LoadStatus.RUNNING


async def test_a_slow_system_does_not_slow_the_load(gateway: Gateway, tmp_path: Path) -> None:
    def slow(request: Received) -> tuple[int, object]:
        time.sleep(0.8)
        return honest(request)

    gateway.answer = slow
    async with running(steady(tmp_path), gateway, tmp_path) as run:
        begun = await sampled(run.load, lambda sample: sample.scenario_s > 0.5)
        from_s = time.monotonic()
        await sampled(run.load, lambda sample: sample.at_s > begun.at_s + 2.1)
        # Ten users that waited for each answer would send 12 a second.
        assert gateway.count(from_s, from_s + 2) == pytest.approx(80, abs=4 * math.sqrt(80))


def due(scenario: Scenario, until_s: float) -> int:
    """Number of requests that the arrivals by seed hold before then."""
    streams = (user_arrivals(scenario, SEED, user) for user in range(scenario.users))
    return sum(sum(1 for _ in takewhile(lambda each: each.at_s < until_s, stream)) for stream in streams)


async def kill(run: Running) -> None:
    for process in our_children():
        with contextlib.suppress(psutil.Error):
            if "locust" in process.cmdline() and "-m" in process.cmdline():
                process.send_signal(signal.SIGKILL)
                return
    raise AssertionError("no Locust runs")


async def test_a_killed_locust_goes_on_at_the_same_point_and_the_gap_is_counted(
    gateway: Gateway, tmp_path: Path
) -> None:
    async with running(steady(tmp_path), gateway, tmp_path) as run:
        await received_at_least(gateway, 40)
        before = await sampled(run.load, lambda sample: sample.counts is not None)
        assert before.counts is not None
        assert before.counts.of(RequestFailure.NOT_SENT) == 0
        await kill(run)
        dead = await sampled(run.load, lambda sample: sample.status is LoadStatus.FAILED)
        assert dead.reason == "Locust was ended by SIGKILL."
        assert (dead.users, dead.offered_requests_per_s, dead.sent_requests_per_s) == (None, 40, None)
        assert dead.counts is None
        again = await sampled(run.load, lambda sample: (sample.sent_requests_per_s or 0) > 0)
        assert again.status is LoadStatus.RUNNING
        assert again.scenario_s == pytest.approx(before.scenario_s + again.at_s - before.at_s, abs=0.01)
        after = await sampled(run.load, lambda sample: sample.at_s > again.at_s + 1.0)
        assert after.counts is not None
        # All that was due is accounted for, whoever counted it.
        assert after.counts.offered == pytest.approx(due(run.scenario, after.scenario_s), abs=8)
        gap = due(run.scenario, again.scenario_s) - due(run.scenario, before.scenario_s)
        assert 0 < after.counts.of(RequestFailure.NOT_SENT) <= gap + 8
        assert after.counts.unfinished <= 8


async def test_a_locust_that_keeps_dying_is_not_started_for_ever(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marskit.load.locust_process.MOST_RESTARTS", 1)
    async with running(steady(tmp_path), gateway, tmp_path) as run:
        await kill(run)
        await sampled(run.load, lambda sample: sample.status is LoadStatus.FAILED)
        await sampled(run.load, lambda sample: sample.status is LoadStatus.RUNNING)
        await kill(run)
        dead = await sampled(run.load, lambda sample: "1 times already" in (sample.reason or ""))
        assert dead.status is LoadStatus.FAILED
        await asyncio.sleep(1.0)
        assert (await run.load.sample()).status is LoadStatus.FAILED


async def test_every_failure_is_counted_as_what_it_was(gateway: Gateway, tmp_path: Path) -> None:
    status = 404

    def wrong(request: Received) -> tuple[int, object]:
        return status, {}

    async with running(steady(tmp_path), gateway, tmp_path) as run:
        gateway.answer = wrong
        await sampled(run.load, lambda sample: failed(sample, RequestFailure.STATUS_4XX) > 5)
        status = 503
        await sampled(run.load, lambda sample: failed(sample, RequestFailure.STATUS_5XX) > 5)
        status = 302
        sample = await sampled(run.load, lambda sample: failed(sample, RequestFailure.OTHER) == 0)
        assert sample.counts is not None
        assert sample.counts.unfinished <= 8


async def test_refused_connections_are_counted(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = Gateway(url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        async with running(steady(tmp_path), nobody, tmp_path) as run:
            sample = await sampled(run.load, lambda sample: failed(sample, RequestFailure.REFUSED) > 20)
            assert sample.counts is not None
            assert sample.counts.succeeded == sample.counts.answered == 0


UNCHECKED = """\
import sys
sys.path.insert(0, {folder!r})
from locustfile import *
from marskit.load import mix
mix._value = lambda headers, name: headers.text(name)
"""


async def test_requests_that_cannot_be_written_are_counted_as_not_sent(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The reader refuses whatever is known not to be sent; here it does not look, in both processes.
    monkeypatch.setattr("marskit.load.mix._value", lambda headers, name: headers.text(name))
    unchecked = tmp_path / "unchecked.py"
    unchecked.write_text(UNCHECKED.format(folder=str(ROOT / "locust")))
    monkeypatch.setattr("marskit.load.locust_child.LOCUSTFILE", unchecked)
    scenario = a_scenario(
        tmp_path,
        'kind = "steady"\nbase_requests_per_s = 40',
        requests='[[request]]\nname = "odd"\nmethod = "GET"\npath = "/"\nheaders = { x-name = "жук" }',
    )
    async with running(scenario, gateway, tmp_path) as run:
        sample = await sampled(run.load, lambda sample: failed(sample, RequestFailure.NOT_SENT) > 20)
        assert sample.counts is not None
        assert sample.counts.sent == 0
    assert gateway.received == []


def failed(sample: LoadSample, kind: RequestFailure) -> int:
    return sample.counts.of(kind) if sample.counts else 0


async def test_a_locust_that_hangs_is_a_reading_too(gateway: Gateway, tmp_path: Path) -> None:
    async with running(steady(tmp_path), gateway, tmp_path) as run:
        (locust,) = (process for process in run.family if "locust" in process.cmdline())
        locust.suspend()
        assert (await run.load.sample()).reason == "Locust does not respond."
        locust.resume()
        await sampled(run.load, lambda sample: sample.status is LoadStatus.RUNNING)
        locust.suspend()


async def test_two_workers_send_as_much_as_one_process(gateway: Gateway, tmp_path: Path) -> None:
    async with running(steady(tmp_path), gateway, tmp_path, workers=2) as run:
        begun = await sampled(run.load, lambda sample: sample.scenario_s > 0.5)
        assert begun.users == 10
        assert sum("--worker" in process.cmdline() for process in run.family) == 2
        from_s = time.monotonic()
        await sampled(run.load, lambda sample: sample.at_s > begun.at_s + 3)
        streams = [user_arrivals(run.scenario, SEED, user) for user in range(10)]
        due = sum(
            begun.scenario_s <= a.at_s
            for stream in streams
            for a in takewhile(lambda a: a.at_s < begun.scenario_s + 2, stream)
        )
        assert gateway.count(from_s, from_s + 2) == pytest.approx(due, abs=8)
        sample = await sampled(run.load, lambda sample: (sample.sent_requests_per_s or 0) > 20)
        worker = next(process for process in run.family if "--worker" in process.cmdline())
        worker.kill()
        sample = await sampled(run.load, lambda sample: sample.status is LoadStatus.FAILED)
        assert sample.reason == "Locust was ended by SIGKILL."


@pytest.mark.parametrize("workers", [0, 2])
async def test_it_listens_on_no_port_and_only_this_user_may_drive_it(
    gateway: Gateway, tmp_path: Path, workers: int
) -> None:
    async with running(steady(tmp_path), gateway, tmp_path, workers) as run:
        await received_at_least(gateway, 3)
        listening = [
            connection
            for process in run.family
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == []
        folder = tmp_path / "load"
        sockets = {path.name for path in folder.iterdir() if path.is_socket()}
        assert sockets == {"web.sock", *(["rpc.sock"] if workers else [])}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        others = {path.name for path in folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077}
        assert others == set()
        for process in run.family:
            assert "MARSKIT" not in " ".join(process.cmdline())


async def test_a_locust_that_cannot_start_says_why(gateway: Gateway, tmp_path: Path) -> None:
    scenario = steady(tmp_path)
    scenario.path.write_text("title = 3")
    with pytest.raises(LoadError, match=r"^Locust ended with code 1: .*title is 3; it must be .*\.$"):
        async with running(scenario, gateway, tmp_path):
            pass
    (tmp_path / "file").touch()
    with pytest.raises(LoadError, match=r"^Locust cannot be started: .*Not a directory: .*\.$"):
        async with running(steady(tmp_path), gateway, tmp_path / "file"):
            pass


async def test_it_may_be_prepared_before_there_is_a_gateway(gateway: Gateway, tmp_path: Path) -> None:
    load = LocustLoad(steady(tmp_path), seed=SEED, clock=LoopClock(), run_directory=tmp_path / "load")
    assert (await load.sample()).status is LoadStatus.STARTING
    await asyncio.gather(load.prepare(), load.prepare())
    assert (await load.sample()).status is LoadStatus.STARTING
    assert gateway.received == []
    await load.set_factor(2)
    await load.start(gateway.url)
    assert (await sampled(load, lambda sample: sample.users == 20)).status is LoadStatus.RUNNING
    await load.stop()
    await load.stop()
    assert (await load.sample()).status is LoadStatus.STOPPED
    assert "locust" not in sys.modules


@pytest.mark.parametrize("after_s", [0, 0.02, 0.2])
async def test_it_may_be_stopped_while_it_starts(gateway: Gateway, tmp_path: Path, after_s: float) -> None:
    before = our_children()
    load = LocustLoad(steady(tmp_path), seed=SEED, clock=LoopClock(), run_directory=tmp_path / "load")
    starting = asyncio.create_task(load.start(gateway.url))
    await asyncio.sleep(after_s)
    await load.stop()
    with pytest.raises(LoadError):
        await asyncio.wait_for(starting, 5)
    assert our_children() == before
    with pytest.raises(LoadError, match="stopped"):
        await load.prepare()


async def test_a_cancelled_start_leaves_nothing(gateway: Gateway, tmp_path: Path) -> None:
    before = our_children()
    load = LocustLoad(steady(tmp_path), seed=SEED, clock=LoopClock(), run_directory=tmp_path / "load")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(load.start(gateway.url), 0.1)
    assert our_children() == before


def test_it_works_by_itself_from_its_folder(gateway: Gateway) -> None:
    locust = str(Path(sys.executable).with_name("locust"))
    argv = [locust, "-f", "locustfile.py", "--headless", "-t", "3s", "--host", gateway.url]
    env = {**os.environ, "MARSKIT_SCENARIO": "canary", "MARSKIT_SEED": "5"}
    found = subprocess.run(argv, cwd=ROOT / "locust", env=env, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    # The first second is spent on starting.
    assert 40 < len(gateway.received) < 34 * 3 + 4 * math.sqrt(34 * 3)
    assert "order, music wanted" in found.stdout + found.stderr


def test_a_bad_scenario_ends_it_with_one_sentence() -> None:
    locust = str(Path(sys.executable).with_name("locust"))
    env = {**os.environ, "MARSKIT_SCENARIO": "nope"}
    argv = [locust, "-f", "locustfile.py", "--headless"]
    found = subprocess.run(argv, cwd=ROOT / "locust", env=env, capture_output=True, text=True, timeout=60)
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].startswith('Unknown scenario "nope"; choose canary, ')
