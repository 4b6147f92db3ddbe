import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from marskit.mesh.envoy.publisher import GENERATION_HEADER
from marskit.mesh.port import Applied, MeshError, Rejected, Unknown
from tests.mesh.envoy.one_edge import Bench, made_in

pytestmark = pytest.mark.mesh


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with made_in(tmp_path) as made:
        await made.publisher.start(made.resources())
        yield made


async def test_a_first_configuration_that_envoy_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    async with made_in(tmp_path) as bench:
        with pytest.raises(MeshError, match=r"Envoy refused the configuration: .*DirectResponseAction"):
            await bench.publisher.start(bench.resources(status=99))


async def test_a_listener_port_that_is_taken_is_told_in_envoys_words(tmp_path: Path) -> None:
    async with made_in(tmp_path) as bench:
        with (
            socket.create_server(("127.0.0.1", bench.port)),
            pytest.raises(MeshError, match=r"Envoy refused the configuration: .*Address already in use"),
        ):
            await bench.publisher.start(bench.resources())


async def test_a_change_is_acknowledged_and_then_seen_in_answers(bench: Bench) -> None:
    outcome = await bench.publisher.publish(bench.resources(body="two"))
    assert isinstance(outcome, Applied)
    assert outcome.effective_after_ms is not None
    assert 0 < outcome.pushed_after_ms <= outcome.effective_after_ms
    answer = await bench.get()
    assert (answer.body, answer.headers[GENERATION_HEADER]) == (b"two", str(outcome.generation))
    generation = bench.publisher.generation
    assert generation.accepted == generation.pushed == generation.effective == outcome.generation == 2


async def test_what_does_not_change_is_not_written(bench: Bench) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in bench.folder.glob("*.json")}
    await bench.publisher.publish(bench.resources(body="two"))
    after = {file.name: file.stat().st_mtime_ns for file in bench.folder.glob("*.json")}
    assert {name for name in before if before[name] != after[name]} == {"rds-edge.json"}
    assert await bench.publisher.publish(bench.resources(body="two")) == Applied(2, 0.0, 0.0)


async def test_a_refused_change_gives_envoys_reason_and_is_taken_back(bench: Bench) -> None:
    outcome = await bench.publisher.publish(bench.resources(status=99))
    assert isinstance(outcome, Rejected)
    assert "DirectResponseActionValidationError.Status" in outcome.reason
    assert bench.publisher.generation.rejected_reason == outcome.reason
    assert (await bench.get()).body == b"one"
    # The files are as they were, so that an Envoy that starts again starts with what it ran.
    assert isinstance(await bench.publisher.publish(bench.resources(body="three")), Applied)
    assert (await bench.get()).body == b"three"


async def test_envoy_comes_back_with_the_configuration_it_had(bench: Bench) -> None:
    await bench.publisher.publish(bench.resources(body="two"))
    pid = bench.proxy.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        while "Envoy is running again" not in bench.sentences:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await bench.get()).body == b"two"
    assert bench.proxy.pid != pid
    assert bench.sentences[0] == "Envoy ended by signal 9 and is restarting"


async def test_a_change_that_a_dead_envoy_missed_is_waited_for_by_the_next_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.publisher.publish(bench.resources(body="two"))
    pid = bench.proxy.pid
    assert pid is not None
    # A stopped Envoy answers nobody, as one that is being started again.
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr("marskit.mesh.envoy.publisher.TIMEOUT_S", 0.1)
    outcome = await bench.publisher.publish(bench.resources(body="three"))
    assert isinstance(outcome, Unknown)
    generation = bench.publisher.generation
    assert (generation.accepted, generation.pushed, generation.effective) == (3, 2, 2)
    monkeypatch.undo()
    os.kill(pid, signal.SIGCONT)
    outcome = await bench.publisher.publish(bench.resources(body="three"))
    assert isinstance(outcome, Applied)
    assert outcome.effective_after_ms is not None
    generation = bench.publisher.generation
    assert (generation.accepted, generation.pushed, generation.effective) == (3, 3, 3)
    assert (await bench.get()).body == b"three"
