"""Startup, liveness and readiness of real processes, as the kubelet has them."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from marskit.mesh.envoy.chaos import Chaos
from marskit.mesh.envoy.probes import Answered, Verdict, ask
from marskit.mesh.envoy.replicas import ReplicaSet
from marskit.mesh.manifests.workloads import Probe
from marskit.mesh.port import ActionError
from marskit.system.local_http import HttpClient
from marskit.system.processes import Children
from tests.mesh.envoy.payments import Bench, deployment, eventually

pytestmark = pytest.mark.mesh

READY = Probe("/ready", 50, timeout_ms=200)
STARTED = Probe("/started", 100, failures=100)
"""Without it, liveness would count while the process is starting."""


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    children = Children()
    http = HttpClient()
    yield Bench(children, http, tmp_path)
    await http.close()
    await children.close(grace_s=0.2)


@dataclass(frozen=True, slots=True)
class Health:
    """Of the replicas that are given the file."""

    file: Path

    def get_well(self) -> None:
        self.file.touch()

    def get_ill(self) -> None:
        self.file.unlink()


@pytest.fixture
def health(tmp_path: Path) -> Health:
    made = Health(tmp_path / "well")
    made.get_well()
    return made


def pid_of(replicas: ReplicaSet) -> int:
    child = replicas.replicas[0].child
    assert child is not None
    return child.pid


async def test_a_replica_that_hangs_is_restarted_after_its_failures_and_one_timeout(bench: Bench) -> None:
    liveness = Probe("/healthz", 300, timeout_ms=200, failures=3, grace_ms=100)
    payments = bench.make(deployment(readiness=READY, liveness=liveness, startup=STARTED))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    pid = pid_of(payments)
    stopped_s = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    await eventually(lambda: len(bench.sentences) == 2)
    took_s = time.monotonic() - stopped_s
    # Two periods at least; three, the timeout and the grace at most, and what a busy machine adds.
    assert 0.6 < took_s < 0.9 + 0.2 + 0.1 + 1.0
    assert bench.sentences == [
        "payments-1 fails its readiness probe and gets no more requests",
        "payments-1 fails its liveness probe (GET /healthz: no answer within 0.2 s) and is restarting",
    ]
    assert payments.take_ended() == 1
    assert await payments.wait_ready(10)
    assert pid_of(payments) != pid
    assert bench.published[-1] == ("payments-1",)
    await payments.stop()


async def test_a_replica_that_says_it_is_unwell_is_restarted(bench: Bench, health: Health) -> None:
    liveness = Probe("/well", 50, failures=2)
    payments = bench.make(
        deployment(env={"WELL": str(health.file)}, readiness=READY, liveness=liveness, startup=STARTED)
    )
    await payments.scale(1)
    assert await payments.wait_ready(10)
    await asyncio.sleep(0.3)
    assert bench.sentences == []
    health.get_ill()
    await eventually(lambda: bool(bench.sentences))
    health.get_well()
    assert bench.sentences[0] == "payments-1 fails its liveness probe (GET /well: 503) and is restarting"
    assert () in bench.published
    await eventually(lambda: bench.published[-1] == ("payments-1",))
    await payments.stop()


async def test_a_port_that_closes_fails_a_probe_of_the_socket(bench: Bench, tmp_path: Path) -> None:
    liveness = Probe(None, 50, timeout_ms=200, failures=2, grace_ms=100)
    closed = Health(tmp_path / "closed")
    payments = bench.make(deployment(env={"CLOSES": str(closed.file)}, liveness=liveness, startup=STARTED))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    closed.get_well()
    await eventually(lambda: any("liveness" in said for said in bench.sentences))
    closed.get_ill()
    assert (
        "payments-1 fails its liveness probe (its port: no connection) and is restarting" in bench.sentences
    )
    await payments.stop()


async def test_a_slow_start_is_no_failure_of_liveness(bench: Bench) -> None:
    """Liveness begins when startup has succeeded, or after its own delay."""
    strict = Probe("/healthz", 50, timeout_ms=100, failures=1)
    payments = bench.make(deployment(env={"SLOW_S": "0.7"}, liveness=strict, startup=STARTED))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    await payments.stop()
    delayed = Probe("/healthz", 50, timeout_ms=100, failures=1, initial_delay_ms=5000)
    payments = bench.make(deployment(env={"SLOW_S": "0.7"}, liveness=delayed))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    await payments.stop()
    assert bench.sentences == []


async def test_a_start_that_takes_longer_than_its_probe_allows_is_ended(bench: Bench) -> None:
    payments = bench.make(deployment(env={"SLOW_S": "30"}, startup=Probe("/", 100, failures=4)))
    await payments.scale(1)
    await eventually(lambda: len(bench.sentences) == 2)
    assert bench.sentences == [
        "payments-1 did not become ready within 0.4 s",
        "payments-1 ended by signal 9 and is restarting; its last words: its log is empty",
    ]
    await payments.stop()


async def test_readiness_needs_as_many_successes_as_it_says(bench: Bench, health: Health) -> None:
    readiness = Probe("/well", 100, failures=1, successes=4)
    payments = bench.make(deployment(env={"WELL": str(health.file)}, readiness=readiness))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    health.get_ill()
    await eventually(lambda: bench.published[-1] == ())
    health.get_well()
    back_s = time.monotonic()
    await eventually(lambda: bench.published[-1] == ("payments-1",))
    assert time.monotonic() - back_s > 0.25
    assert bench.sentences == ["payments-1 fails its readiness probe and gets no more requests"]
    await payments.stop()


async def test_an_unready_replica_lives_on_when_kubernetes_would_let_it(bench: Bench, health: Health) -> None:
    health.get_ill()
    payments = bench.make(
        deployment(
            env={"WELL": str(health.file)},
            readiness=Probe("/well", 50),
            liveness=Probe("/healthz", 50),
            startup=STARTED,
        )
    )
    await payments.scale(1)
    assert not await payments.wait_ready(1.0)
    pid = pid_of(payments)
    health.get_well()
    assert await payments.wait_ready(10)
    assert pid_of(payments) == pid
    await payments.stop()


async def test_a_replica_is_kept_running_even_if_the_proxy_cannot_be_told(bench: Bench) -> None:
    bench.disk_is_full = True
    payments = bench.make(deployment(readiness=READY))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    told = "the proxy cannot be told which replicas serve: [Errno 28] No space left on device"
    await eventually(lambda: told in bench.sentences)
    os.kill(pid_of(payments), signal.SIGKILL)
    await eventually(lambda: bench.sentences.count(told) >= 3)
    bench.disk_is_full = False
    payments.kill_one()
    await eventually(lambda: bench.published[-1:] == [("payments-1",)])
    await payments.stop()


async def test_a_replica_that_cannot_be_watched_is_not_left_alone(bench: Bench) -> None:
    unsayable = Probe("/ready", 50, headers=(("x-probe", "a\nb"),))
    payments = bench.make(deployment(readiness=unsayable))
    await payments.scale(1)
    await eventually(lambda: len(bench.sentences) >= 2)
    assert bench.sentences[0].startswith("payments-1 was ended because it could not be watched: ")
    await payments.stop()


async def test_a_replica_that_stays_unready_is_told_once(
    bench: Bench, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marskit.mesh.envoy.replicas.READY_TIMEOUT_S", 0.5)
    health.get_ill()
    env = {"WELL": str(health.file)}
    payments = bench.make(deployment(env=env, readiness=Probe("/well", 50), startup=STARTED))
    await payments.scale(1)
    await eventually(lambda: bool(bench.sentences))
    assert not await payments.wait_ready(1.0)
    assert bench.sentences == ["payments-1 is not ready after 0.5 s, and gets no requests"]
    health.get_well()
    assert await payments.wait_ready(10)
    await payments.stop()


async def test_what_a_probe_may_answer(bench: Bench) -> None:
    payments = bench.make(deployment(readiness=READY))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    port = payments.replicas[0].port
    known = Probe("/known", headers=(("x-probe", "kubelet"),))
    assert await ask(bench.http, port, known) == Answered(True, "GET /known: 200")
    assert await ask(bench.http, port, Probe("/known")) == Answered(False, "GET /known: 401")
    assert await ask(bench.http, port, Probe("/moved")) == Answered(True, "GET /moved: 302")
    assert await ask(bench.http, port, Probe(None)) == Answered(True, "its port is open")
    slow = Probe("/slow", timeout_ms=100)
    assert await ask(bench.http, port, slow) == Answered(False, "GET /slow: no answer within 0.1 s")
    await payments.stop()


async def test_a_program_that_was_held_up_blames_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    payments = bench.make(deployment(readiness=READY))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    asking = asyncio.create_task(ask(bench.http, payments.replicas[0].port, Probe("/slow", timeout_ms=100)))
    await asyncio.sleep(0.02)
    time.sleep(0.8)  # noqa: ASYNC251 - the loop is what is held up
    assert (await asking).succeeded is None
    verdict = Verdict(Probe("/", failures=1), passes=True)
    assert not verdict.changed(Answered(None, ""))
    await payments.stop()


def test_only_answers_in_a_row_change_a_verdict() -> None:
    verdict = Verdict(Probe("/", failures=3, successes=2), passes=True)
    good, bad, nothing = Answered(True, ""), Answered(False, ""), Answered(None, "")
    assert not any(verdict.changed(each) for each in (bad, bad, good, bad, nothing, bad))
    assert verdict.changed(bad)
    assert not any(verdict.changed(each) for each in (bad, good, bad, good, nothing))
    assert verdict.changed(good)
    assert verdict.passes


async def test_a_service_that_takes_faults_from_everybody_is_told_once(bench: Bench) -> None:
    subject = deployment(readiness=READY)
    local = subject.local
    assert local is not None
    open_to_all = bench.make(bench.with_chaos_path(subject, "/chaos"))
    chaos = Chaos(bench.http)
    await open_to_all.scale(2)
    assert await open_to_all.wait_ready(10)
    first, second = open_to_all.replicas
    with pytest.raises(ActionError, match=r"^payments takes faults from every user of this machine"):
        await chaos.prepare(open_to_all, first)
    await chaos.prepare(open_to_all, second)
    assert first.chaos_token != second.chaos_token
    await open_to_all.stop()
