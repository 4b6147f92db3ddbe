import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from marskit.mesh.envoy.launch import launch
from marskit.mesh.manifests.workloads import Deployment, Probe
from marskit.mesh.port import MeshError
from marskit.system.local_http import HttpClient
from marskit.system.processes import Children
from tests.mesh.envoy.payments import HERE, Bench, deployment, eventually

pytestmark = pytest.mark.mesh


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    children = Children()
    http = HttpClient()
    yield Bench(children, http, tmp_path)
    await http.close()
    await children.close(grace_s=0.2)


async def test_replicas_become_ready_and_answer_under_their_names(bench: Bench) -> None:
    payments = bench.make(deployment(env={"GREETING": "hello"}, readiness=Probe("/ready", 200)))
    await payments.scale(2)
    assert await payments.wait_ready(10)
    answers = {(await bench.http.get(f"http://127.0.0.1:{r.port}/")).body.decode() for r in payments.serving}
    assert answers == {"payments-1 7 hello", "payments-2 7 hello"}
    assert sorted(bench.prepared) == ["payments-1", "payments-2"]
    assert set(bench.published[-1]) == {"payments-1", "payments-2"}
    await payments.stop()


async def test_a_replica_that_refuses_to_be_broken_serves_all_the_same(bench: Bench) -> None:
    bench.refusal = "payments-1 rejected the fault: 400"
    payments = bench.make(deployment(readiness=Probe("/ready", 200)))
    await payments.scale(1)
    assert await payments.wait_ready(10)
    assert bench.sentences == ["payments-1 rejected the fault: 400"]
    await payments.stop()


async def test_a_killed_replica_leaves_at_once_and_comes_back(bench: Bench) -> None:
    payments = bench.make(deployment(readiness=Probe("/ready", 200)))
    await payments.scale(2)
    await payments.wait_ready(10)
    bench.published.clear()
    name = payments.kill_one()
    await eventually(lambda: bool(bench.published))
    assert name == "payments-1"
    assert bench.published[0] == ("payments-2",)
    assert await payments.wait_ready(10)
    assert {replica.name for replica in payments.serving} == {"payments-1", "payments-2"}
    assert bench.sentences == ["payments-1 ended by signal 9 and is restarting"]
    assert (payments.take_ended(), payments.take_ended()) == (1, 0)
    await payments.stop()


async def test_scaling_down_drains_the_youngest_after_it_left_the_proxy(bench: Bench) -> None:
    payments = bench.make(deployment(readiness=Probe("/ready", 200)))
    await payments.scale(3)
    await payments.wait_ready(10)
    youngest = payments.replicas[-1]
    assert youngest.child is not None
    await payments.scale(2)
    assert bench.published[-1] == ("payments-1", "payments-2")
    await eventually(lambda: len(payments.replicas) == 2)
    assert youngest.child.returncode is not None
    await payments.stop()


async def test_a_replica_that_hangs_gets_no_more_requests_until_it_answers_again(
    bench: Bench,
) -> None:
    payments = bench.make(deployment(readiness=Probe("/ready", 20, timeout_ms=100)))
    await payments.scale(1)
    await payments.wait_ready(10)
    child = payments.replicas[0].child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    await eventually(lambda: bench.published[-1] == ())
    os.kill(child.pid, signal.SIGCONT)
    await eventually(lambda: bench.published[-1] == ("payments-1",))
    assert bench.sentences == ["payments-1 fails its readiness probe and gets no more requests"]
    await payments.stop()


async def test_a_replica_that_cannot_start_is_tried_again_and_its_last_words_are_told(bench: Bench) -> None:
    payments = bench.make(deployment(env={"FAIL": "no database"}))
    await payments.scale(1)
    await eventually(lambda: len(bench.sentences) >= 3)
    assert (
        bench.sentences[0]
        == "payments-1 ended with exit code 1 and is restarting; its last words: no database"
    )
    assert not await payments.wait_ready(0.0)
    await payments.stop()


def test_a_deployment_without_a_local_command_is_refused() -> None:
    foreign = deployment()
    without = Deployment(**{name: getattr(foreign, name) for name in foreign.__slots__} | {"local": None})
    with pytest.raises(MeshError, match="Deployment payments does not define how it runs as a local process"):
        launch(without, {}, HERE)


def test_packages_need_a_lock_file_and_move_the_process_into_the_copy(tmp_path: Path) -> None:
    plain = deployment()
    assert plain.local is not None
    local = replace(plain.local, command=("./serve", "{port}"), directory="app", packages="npm")
    subject = replace(plain, local=local)
    (tmp_path / "app").mkdir()
    with pytest.raises(MeshError, match=rf"payments: its folder {tmp_path}/app has no package-lock\.json"):
        launch(subject, {}, tmp_path)
    (tmp_path / "app" / "package-lock.json").touch()
    for name in ("app", "copy"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "serve").touch(0o755)
    here = launch(subject, {}, tmp_path)
    assert (here.packages, here.directory) == (True, tmp_path / "app")
    moved = launch(subject, {}, tmp_path, {tmp_path / "app": tmp_path / "copy"})
    assert moved.directory == tmp_path / "copy"
    assert moved.arguments(80) == (str(tmp_path / "copy" / "serve"), "80")
    # Another Deployment that runs in the same folder needs no packages, and stays there.
    other = launch(
        replace(subject, local=replace(local, packages=None)), {}, tmp_path, {tmp_path / "app": tmp_path}
    )
    assert (other.packages, other.directory) == (False, tmp_path / "app")
