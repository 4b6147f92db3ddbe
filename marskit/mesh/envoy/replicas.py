"""Keeps the desired number of a Deployment's replicas running."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from marskit.domain.diagnosis import Severity
from marskit.mesh.envoy.launch import Launch
from marskit.mesh.envoy.logs import last_line
from marskit.mesh.envoy.probes import OPEN_PORT, Prober, Verdict
from marskit.mesh.envoy.replica import Replica
from marskit.mesh.manifests.workloads import Deployment, Probe
from marskit.mesh.port import ActionError, MeshError
from marskit.system.free_ports import PortPicker
from marskit.system.local_http import HttpClient
from marskit.system.processes import Child, Children

READY_POLL_S = 0.02
READY_TIMEOUT_S = 20.0
"""Longest wait for a replica whose manifests do not say when it has failed to start, in seconds."""
BACK_OFF_S = (0.0, 0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0)
"""The wait before the first start, the first restart and each one after that."""
HOPELESS_CRASHES = 6
"""Number of crashes after which a start fails, about three seconds: enough to wait for another service."""
SETTLED_S = 10.0
"""Time after which a ready replica counts as stable, in seconds."""

Report = Callable[[Severity, str, str], None]


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
        hang_ended: Callable[[], None] = lambda: None,
        listens: bool = True,
    ) -> None:
        """`hang_ended` is called when a stopped replica ends without a person.

        `prepared` is awaited for a replica that responds, before it counts as ready even if it refuses.

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
        self._hang_ended = hang_ended
        self._listens = listens
        self._random = random.Random(f"{seed}/{deployment.name}/probes")
        self._number = 0
        self._unasked = 0
        self._changed = asyncio.Event()
        self._drains: set[asyncio.Task[None]] = set()

    @property
    def patience_s(self) -> float:
        """The time that a replica has to start, in seconds."""
        startup, liveness = self.deployment.startup, self.deployment.liveness
        if startup is not None:
            return (startup.initial_delay_ms + startup.failures * startup.period_ms) / 1000
        return READY_TIMEOUT_S + (liveness.initial_delay_ms / 1000 if liveness else 0.0)

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
            await self._publish()
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
                # A person's doing, like the hang.
                replica.hung = False
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
        self._forget_hang(replica)
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
            replica.child, replica.failed, replica.served_since_s = child, "", None
            serving = asyncio.create_task(self._serve(replica, child))
            serving.add_done_callback(partial(_end_unwatched, child))
            try:
                code = await child.wait()
            finally:
                serving.cancel()
                (problem,) = await asyncio.gather(serving, return_exceptions=True)
            if isinstance(problem, Exception):
                how = "; ".join(str(each) for each in getattr(problem, "exceptions", (problem,)))
                self._warn(f"{replica.name} was ended because it could not be watched: {how}")
            await self._ended(
                replica, f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            )

    async def _ended(self, replica: Replica, how: str) -> None:
        served_since_s = replica.served_since_s
        settled = (
            served_since_s is not None and asyncio.get_running_loop().time() - served_since_s > SETTLED_S
        )
        was_ready = replica.ready
        self._forget_hang(replica)
        self._unasked += bool(was_ready or (replica.failed and served_since_s is not None))
        replica.ready = False
        replica.crashes = 1 if settled else replica.crashes + 1
        sentence = f"{replica.name} {replica.failed or how} and is restarting"
        if served_since_s is None and not replica.failed:
            sentence += f"; its last words: {self.last_words(replica)}"
        self._warn(sentence)
        self._changed.set()
        if was_ready:
            await self._publish()

    def _forget_hang(self, replica: Replica) -> None:
        if replica.hung:
            replica.hung = False
            self._hang_ended()

    async def _serve(self, replica: Replica, child: Child) -> None:
        """Add the replica to the serving ones while it is ready, and end it when it does not live."""
        started_s = asyncio.get_running_loop().time()
        readiness, liveness = self.deployment.readiness or OPEN_PORT, self.deployment.liveness
        prober = Prober(self._http, replica.port, listens=self._listens)
        try:
            await self._started(prober, readiness)
        except TimeoutError:
            self._warn(f"{replica.name} did not become ready within {self.patience_s:g} s")
            child.kill_group()
            return
        async with asyncio.TaskGroup() as group:
            if liveness is not None:
                delay_s = started_s + liveness.initial_delay_ms / 1000 - asyncio.get_running_loop().time()
                group.create_task(self._watch_life(replica, child, prober, delay_s))
            try:
                async with asyncio.timeout(READY_TIMEOUT_S):
                    await prober.success(readiness, pause_s=READY_POLL_S)
            except TimeoutError:
                self._warn(f"{replica.name} is not ready after {READY_TIMEOUT_S:g} s, and gets no requests")
                await prober.success(readiness)
            try:
                await self._prepared(replica)
            except ActionError as error:
                self._warn(str(error))
            await self._become(replica, ready=True)
            verdict = Verdict(readiness, passes=True)
            async for answered in prober.answers(readiness):
                if verdict.changed(answered):
                    await self._become(replica, ready=verdict.passes)

    async def _started(self, prober: Prober, readiness: Probe) -> None:
        """Wait until the replica has started; raises TimeoutError if it takes too long.

        Kubernetes only gives up on a replica by its startup or liveness probe. Without both, we do so.
        """
        deciding = self.deployment.startup
        if deciding is None and self.deployment.liveness is None:
            deciding = readiness
        if deciding is not None:
            async with asyncio.timeout(self.patience_s):
                await prober.success(deciding, pause_s=READY_POLL_S)

    async def _become(self, replica: Replica, *, ready: bool) -> None:
        if replica.failed:
            return
        replica.ready = ready
        replica.ready_since_s = asyncio.get_running_loop().time()
        if ready and replica.served_since_s is None:
            replica.served_since_s = replica.ready_since_s
        self._changed.set()
        if not ready:
            self._warn(f"{replica.name} fails its readiness probe and gets no more requests")
        await self._publish()

    async def _watch_life(self, replica: Replica, child: Child, prober: Prober, delay_s: float) -> None:
        """End the process once its liveness probe fails, as the kubelet does."""
        probe = self.deployment.liveness
        assert probe is not None
        # Replicas that start together are not asked at the same moments.
        await asyncio.sleep(max(0.0, delay_s) + self._random.random() * probe.period_ms / 1000)
        verdict = Verdict(probe, passes=True)
        async for answered in prober.answers(probe):
            if verdict.changed(answered):
                replica.failed = f"fails its liveness probe ({answered.words})"
                break
        if replica.ready:
            replica.ready = False
            self._changed.set()
            await self._publish()
        grace_s = self.deployment.termination_grace_s if probe.grace_ms is None else probe.grace_ms / 1000
        await self._children.stop(child, grace_s=grace_s)

    async def _publish(self) -> None:
        try:
            await self._published()
        except Exception as error:
            # Raised here, it would end the task that keeps the replica running, and nobody would notice.
            sentence = f"the proxy cannot be told which replicas serve: {error}"
            self._report(Severity.CRITICAL, self.deployment.name, sentence)

    def _warn(self, sentence: str) -> None:
        self._report(Severity.WARNING, self.deployment.name, sentence)


def _end_unwatched(child: Child, watch: asyncio.Task[None]) -> None:
    """Nobody would notice any more what becomes of the process."""
    if not watch.cancelled() and watch.exception() is not None:
        child.kill_group()
