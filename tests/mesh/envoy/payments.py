"""A replica set of small processes, with everything it tells the outside written down."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from marskit.domain.diagnosis import Severity
from marskit.mesh.envoy.launch import launch
from marskit.mesh.envoy.replica import Replica
from marskit.mesh.envoy.replicas import ReplicaSet
from marskit.mesh.manifests.workloads import Deployment, LocalProcess, Probe
from marskit.mesh.port import ActionError
from marskit.system.free_ports import PortPicker
from marskit.system.local_http import HttpClient
from marskit.system.processes import Children

HERE = Path(__file__).parent


def deployment(
    *,
    env: dict[str, str] | None = None,
    readiness: Probe | None = None,
    liveness: Probe | None = None,
    startup: Probe | None = None,
) -> Deployment:
    command = (sys.executable, "-S", "replica.py", "{port}")
    return Deployment(
        name="payments",
        namespace="demo",
        labels=(("app", "payments"),),
        replicas=1,
        image="payments",
        container_port=8080,
        env=(),
        readiness=readiness,
        metrics_path=None,
        cpu_request_millis=None,
        termination_grace_s=2.0,
        min_replicas=1,
        max_replicas=5,
        local=LocalProcess(command, None, tuple((env or {}).items()), None, None),
        liveness=liveness,
        startup=startup,
    )


@dataclass
class Bench:
    """A replica set with everything it tells the outside written down."""

    children: Children
    http: HttpClient
    logs: Path
    sentences: list[str] = field(default_factory=list)
    published: list[tuple[str, ...]] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    refusal: str | None = None
    disk_is_full: bool = False

    @staticmethod
    def with_chaos_path(subject: Deployment, path: str) -> Deployment:
        assert subject.local is not None
        return replace(subject, local=replace(subject.local, chaos_path=path))

    def make(self, subject: Deployment) -> ReplicaSet:
        async def publish() -> None:
            if self.disk_is_full:
                raise OSError(28, "No space left on device")
            self.published.append(tuple(replica.name for replica in made.serving))

        async def prepare(replica: Replica) -> None:
            self.prepared.append(replica.name)
            if self.refusal:
                raise ActionError(self.refusal)

        def report(severity: Severity, subject: str, sentence: str) -> None:
            self.sentences.append(sentence)

        local = subject.local
        assert local is not None
        made = ReplicaSet(
            subject,
            launch=launch(subject, dict(local.env), HERE),
            seed=7,
            children=self.children,
            ports=PortPicker(),
            http=self.http,
            logs=self.logs,
            published=publish,
            prepared=prepare,
            report=report,
        )
        return made


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
