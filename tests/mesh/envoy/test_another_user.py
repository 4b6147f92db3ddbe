"""Another user of the same machine, who shares the loopback interface, cannot stop, break or steer a run."""

import asyncio
import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from marskit.domain.faults import ClearFaults, InjectErrors
from marskit.domain.load import LoadStatus
from marskit.load.locust_process import LocustLoad
from marskit.load.scenario import load_scenario
from marskit.mesh.envoy import demo_services
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.envoy.launch import CHAOS_TOKEN
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.port import MeshEvent
from marskit.system.processes import scratch_path
from marskit.timing.clock import LoopClock
from tests.paths import ROOT

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("locust")]

NOBODY = 65534
STRANGER = Path(__file__).with_name("stranger.py")
ORDER = {"item": "book", "quantity": 1, "amount": 12.5}


@dataclass(frozen=True, slots=True)
class Run:
    """The demo's mesh under Locust with two workers."""

    mesh: EnvoyMesh
    load: LocustLoad
    url: str
    folder: Path
    """Of the load."""
    events: list[MeshEvent]
    family: tuple[psutil.Process, ...]

    @property
    def folders(self) -> tuple[Path, Path]:
        return self.mesh._folder, self.folder

    def tokens(self) -> set[str]:
        return {replica.chaos_token for replicas in self.mesh._sets.values() for replica in replicas.replicas}

    def ports(self) -> set[int]:
        """Every port that a process of the run listens on, whatever the address."""
        return {
            connection.laddr.port
            for process in self.family
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }


@pytest.fixture(scope="module")
async def run() -> AsyncIterator[Run]:
    demo_services.install_dependencies()
    before = set(psutil.Process().children(recursive=True))
    config = load_mesh([ROOT / "k8s" / "base", ROOT / "service-mesh"])
    events: list[MeshEvent] = []
    mesh = EnvoyMesh(config, clock=LoopClock(), seed=1)
    folder = scratch_path("marskit-locust-")
    load = LocustLoad(load_scenario("steady"), seed=1, clock=LoopClock(), run_directory=folder, workers=2)
    try:
        url = await mesh.start(events.append)
        async with asyncio.timeout(20):
            while any(  # noqa: ASYNC110
                len(each.serving) < each.deployment.replicas for each in mesh._sets.values()
            ):
                await asyncio.sleep(0.05)
        await load.start(url)
        family = tuple(set(psutil.Process().children(recursive=True)) - before)
        yield Run(mesh, load, url, folder, events, family)
    finally:
        await load.stop()
        await mesh.stop()


pytestmark.append(pytest.mark.asyncio(loop_scope="module"))


async def attacked(run: Run, uid: int) -> dict[str, Any]:
    """What a user reaches, with a Python that any user may start."""
    aim = {
        "pids": [process.pid for process in run.family] + [os.getpid()],
        "folders": [str(folder) for folder in run.folders],
        "ports": sorted(run.ports()),
        "only_look": uid != NOBODY,
    }
    python = next(
        path
        for path in (shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin"), sys.executable)
        if path is not None
    )
    process = await asyncio.create_subprocess_exec(
        *(python, "-I", "-S", "-c", STRANGER.read_text()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        user=uid,
        group=uid,
        extra_groups=[],
        cwd="/",
        env={},
    )
    out, error = await process.communicate(json.dumps(aim).encode())
    assert process.returncode == 0, error.decode()
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_stranger_cannot_stop_break_or_steer_anything(run: Run) -> None:
    envoy = run.mesh._proxy.pid
    ended = {name: replicas.take_ended() for name, replicas in run.mesh._sets.items()}
    before = await run.load.sample()
    found = await attacked(run, NOBODY)
    assert found["uid"] == NOBODY
    for what in ("environments", "descriptors", "memories", "killed", "listed", "replaced"):
        assert found[what] == [], what
    assert found["connected"] == found["zmq"] == []
    # As many as there are replicas and listeners: neither Envoy nor Locust listens anywhere else.
    replicas = sum(len(each.replicas) for each in run.mesh._sets.values())
    assert len(found["statuses"]) == replicas + len(run.mesh._listeners)
    for port, statuses in found["statuses"].items():
        taken = {attack: status for attack, status in statuses.items() if 0 <= status < 400}
        assert taken == {}, port
    for line in found["command_lines"].values():
        assert not [token for token in run.tokens() if token in line]
    # Nothing of it had an effect.
    assert run.mesh._proxy.pid == envoy
    assert {name: each.take_ended() for name, each in run.mesh._sets.items()} == dict.fromkeys(ended, 0)
    after = await run.load.sample()
    assert (after.status, after.users, after.factor) == (LoadStatus.RUNNING, before.users, before.factor)
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        answers = [await client.post(f"{run.url}/orders", json=ORDER) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {201}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_the_stranger_would_reach_what_is_not_closed_to_it(run: Run) -> None:
    """The same attempts of the run's own user succeed: the other test could fail."""
    found = await attacked(run, os.geteuid())
    for what in ("environments", "descriptors", "memories"):
        assert len(found[what]) >= len(run.family), what
    assert found["listed"] == [str(folder) for folder in run.folders]
    sockets = {Path(path).name for path in found["connected"]}
    assert sockets == {"admin.sock", "web.sock", "rpc.sock"}
    assert {status for statuses in found["statuses"].values() for status in statuses.values()} >= {401, 404}


async def test_every_replica_wants_its_own_token(run: Run) -> None:
    replicas = [replica for each in run.mesh._sets.values() for replica in each.replicas]
    assert len(run.tokens()) == len(replicas)
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        for at, replica in enumerate(replicas):
            url = f"http://127.0.0.1:{replica.port}/chaos"
            for token, status in ((replicas[at - 1].chaos_token, 401), (replica.chaos_token, 200)):
                answer = await client.get(url, headers={"authorization": f"Bearer {token}"})
                assert answer.status_code == status
            assert (await client.get(url)).status_code == 401


async def test_tokens_are_in_the_environment_of_their_replica_and_nowhere_else(run: Run) -> None:
    await run.mesh.inject(InjectErrors("payments", 10))
    await run.mesh.inject(ClearFaults())
    told = [repr(run.events), repr(await run.mesh.sample()), repr(await run.load.sample())]
    for folder in run.folders:
        for path in folder.rglob("*"):
            if path.is_file():
                told.append(path.read_text(errors="replace"))
    for process in run.family:
        told.append(" ".join(process.cmdline()))
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            assert (environment.pop(CHAOS_TOKEN, None) is not None) == ("server.js" in process.cmdline()[-1])
            told.append(repr(environment))
    assert not [text for text in told for token in run.tokens() if token in text]


async def test_nothing_of_a_run_can_be_read_by_others(run: Run) -> None:
    for folder in run.folders:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.rglob("*"):
            # Sockets and files that other programs make are behind the folder's mode.
            if path.is_dir() or path.suffix in (".log", ".json"):
                assert path.stat().st_mode & 0o077 == 0, path
    assert stat.S_IMODE((run.mesh._folder / "xds" / "admin.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE(run.load._child.web_socket.stat().st_mode) == 0o600
