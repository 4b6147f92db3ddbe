"""Keeps the desired number of a Deployment's replicas running."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from marskit.domain.diagnosis import Severity
from marskit.mesh.envoy.launch import Launch
from marskit.mesh.envoy.logs import last_line
from marskit.mesh.manifests.workloads import Deployment
from marskit.mesh.port import ActionError, MeshError
from marskit.system.free_ports import LOOPBACK, PortPicker
from marskit.system.local_http import HttpClient, HttpError
from marskit.system.processes import Child, Children

READY_POLL_S = 0.02
READY_TIMEOUT_S = 20.0
PROBE_TIMEOUT_S = 1.0
PROBE_FAILURES = 3
"""Kubernetes' default failureThreshold."""
BACK_OFF_S = (0.0, 0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0)
"""The wait before the first start, the first restart and each one after that."""
HOPELESS_CRASHES = 6
"""Number of crashes after which a start fails, about three seconds: enough to wait for another service."""
SETTLED_S = 10.0
"""Time after which a ready replica counts as stable, in seconds."""

Report = Callable[[Severity, str, str], None]


class Replica:
    """One replica; after a restart it has a new process and port but the same name, like a pod."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.chaos_token = ""
        """What its present process wants to see of whoever injects faults."""
        self.child: Child | None = None
        self.ready = False
        self.leaving = False
        self.hung = False
        """Whether its process was stopped on purpose."""
        self.ready_since_s = 0.0
        """On the event loop's clock."""
        self.crashes = 0
        """Number of successive crashes without becoming stable."""
        self.task: asyncio.Task[None] | None = None

    @property
    def serving(self) -> bool:
        """Whether requests may be sent to it."""
        return self.ready and not self.leaving


class ReplicaSet:
    """The replicas of one Deployment.

    `published` is awaited after every change of the serving replicas and returns once the proxy has applied
    it: a replica is stopped only when nothing is sent to it any more.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        launch: Launch,
        seed: int,
        children: Children,
        ports: PortPicker,
        http: HttpClient,
        logs: Path,
        published: Callable[[], Awaitable[None]],
        prepared: Callable[[Replica], Awaitable[None]],
        report: Report,
        listens: bool = True,
    ) -> None:
        """`prepared` is awaited for a replica that responds, before it counts as ready even if it refuses.

        A replica that does not even listen is ready once it runs, as in Kubernetes.
        """
        self.deployment = deployment
        self.replicas: list[Replica] = []
        self._launch = launch
        self._seed = seed
        self._children = children
        self._ports = ports
        self._http = http
        self._logs = logs
        self._published = published
        self._prepared = prepared
        self._report = report
        self._listens = listens
        self._number = 0
        self._unasked = 0
        self._changed = asyncio.Event()
        self._drains: set[asyncio.Task[None]] = set()

    @property
    def serving(self) -> tuple[Replica, ...]:
        """The replicas that requests may be sent to."""
        return tuple(replica for replica in self.replicas if replica.serving)

    async def scale(self, count: int) -> None:
        """Start or stop replicas; returns when stopped ones get no more requests, while starts continue."""
        staying = [replica for replica in self.replicas if not replica.leaving]
        for _ in range(count - len(staying)):
            self._add()
        # As in Kubernetes: replicas that are not ready go first, then the youngest.
        leaving = sorted(staying, key=lambda r: (r.ready, -self.replicas.index(r)))[
            : max(0, len(staying) - count)
        ]
        for replica in leaving:
            replica.leaving = True
        if leaving:
            await self._published()
            for replica in leaving:
                drain = asyncio.create_task(self._drain(replica))
                self._drains.add(drain)
                drain.add_done_callback(self._drains.discard)

    async def wait_ready(self, timeout_s: float) -> bool:
        """Whether every desired replica became ready within the time.

        Raises:
            MeshError: One crashed repeatedly without ever being ready; the message contains its last words.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while waiting := [r for r in self.replicas if not r.leaving and not r.ready]:
                    for replica in waiting:
                        if replica.crashes >= HOPELESS_CRASHES and not replica.ready_since_s:
                            raise MeshError(f"{replica.name} does not start: {self.last_words(replica)}")
                    self._changed.clear()
                    await self._changed.wait()
                return True
        return False

    def last_words(self, replica: Replica) -> str:
        """The last line in a replica's log."""
        return last_line(self._log(replica)) or "its log is empty"

    def take_ended(self) -> int:
        """Number of ready replicas that ended unexpectedly since the last call."""
        ended, self._unasked = self._unasked, 0
        return ended

    def kill_one(self) -> str | None:
        """Kill a stopped replica at once, else the oldest serving one; its name, or None if there is none."""
        for replica in (*(each for each in self.replicas if each.hung), *self.serving):
            if replica.child is not None:
                replica.child.signal(SIGKILL)
                return replica.name
        return None

    def hang_one(self) -> str | None:
        """Stop the oldest serving replica that runs; returns its name, or None if there is none."""
        for replica in self.serving:
            if replica.child is not None and not replica.hung:
                replica.hung = True
                replica.child.signal_group(SIGSTOP)
                return replica.name
        return None

    def resume(self) -> None:
        """Let the stopped replicas continue."""
        for replica in self.replicas:
            if replica.hung and replica.child is not None:
                replica.hung = False
                replica.child.signal_group(SIGCONT)

    async def stop(self) -> None:
        """Forget all replicas; the owner of the children ends their processes."""
        # A stopped process would not hear that it is asked to end.
        self.resume()
        tasks = [replica.task for replica in self.replicas if replica.task] + list(self._drains)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.replicas.clear()

    def _log(self, replica: Replica) -> Path:
        return self._logs / f"{replica.name}.log"

    def _add(self) -> None:
        self._number += 1
        replica = Replica(f"{self.deployment.name}-{self._number}")
        self.replicas.append(replica)
        replica.task = asyncio.create_task(self._keep_running(replica), name=replica.name)

    async def _drain(self, replica: Replica) -> None:
        if replica.task is not None:
            replica.task.cancel()
            await asyncio.gather(replica.task, return_exceptions=True)
        if replica.child is not None:
            await self._children.stop(replica.child, grace_s=self.deployment.termination_grace_s)
        self.replicas.remove(replica)
        self._log(replica).unlink(missing_ok=True)

    async def _keep_running(self, replica: Replica) -> None:
        while True:
            await asyncio.sleep(BACK_OFF_S[min(replica.crashes, len(BACK_OFF_S) - 1)])
            try:
                replica.port = self._ports.pick()
                # One per process: whoever gets hold of the port of a dead one learns nothing of use.
                replica.chaos_token = secrets.token_urlsafe(32)
                child = await self._children.spawn(
                    replica.name,
                    self._launch.arguments(replica.port),
                    env=self._launch.environment(
                        name=replica.name,
                        port=replica.port,
                        seed=self._seed,
                        chaos_token=replica.chaos_token,
                    ),
                    cwd=self._launch.directory,
                    log=self._log(replica),
                )
            except OSError as error:
                await self._ended(replica, f"cannot be started ({error.strerror or error})")
                continue
            replica.child = child
            serving = asyncio.create_task(self._serve(replica, child))
            try:
                code = await child.wait()
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
            await self._ended(
                replica, f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            )

    async def _ended(self, replica: Replica, how: str) -> None:
        was_ready, replica.hung = replica.ready, False
        settled = was_ready and asyncio.get_running_loop().time() - replica.ready_since_s > SETTLED_S
        self._unasked += was_ready
        replica.ready = False
        replica.crashes = 1 if settled else replica.crashes + 1
        sentence = f"{replica.name} {how} and is restarting"
        if not was_ready:
            sentence += f"; its last words: {self.last_words(replica)}"
        self._report(Severity.WARNING, self.deployment.name, sentence)
        self._changed.set()
        if was_ready:
            await self._published()

    async def _serve(self, replica: Replica, child: Child) -> None:
        """Add the replica to the serving ones once it responds, and remove it while it does not."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not await self._answers(replica):  # noqa: ASYNC110 - another process can only be polled
                    await asyncio.sleep(READY_POLL_S)
        except TimeoutError:
            sentence = f"{replica.name} did not become ready within {READY_TIMEOUT_S:g} s"
            self._report(Severity.WARNING, self.deployment.name, sentence)
            child.kill_group()
            return
        try:
            await self._prepared(replica)
        except ActionError as error:
            self._report(Severity.WARNING, self.deployment.name, str(error))
        failures = 0
        while True:
            ready = failures < PROBE_FAILURES
            if ready != replica.ready:
                replica.ready = ready
                replica.ready_since_s = asyncio.get_running_loop().time()
                self._changed.set()
                if not ready:
                    sentence = f"{replica.name} fails its readiness probe and gets no more requests"
                    self._report(Severity.WARNING, self.deployment.name, sentence)
                await self._published()
            probe = self.deployment.readiness
            await asyncio.sleep(probe.period_ms / 1000 if probe else 1.0)
            failures = 0 if await self._answers(replica) else failures + 1

    async def _answers(self, replica: Replica) -> bool:
        probe = self.deployment.readiness
        try:
            if probe is None:
                if not self._listens:
                    return True
                _, writer = await asyncio.open_connection(LOOPBACK, replica.port)
                writer.close()
                return True
            answer = await self._http.get(
                f"http://{LOOPBACK}:{replica.port}{probe.path}", timeout_s=PROBE_TIMEOUT_S
            )
        except (OSError, HttpError):
            return False
        return answer.is_success
