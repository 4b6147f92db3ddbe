"""The embedded mesh behind the mesh port: manifests in, a running mesh out."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import cached_property, partial
from pathlib import Path

from marskit.domain.actions import Action, Scale
from marskit.domain.capabilities import Capabilities
from marskit.domain.config import Configuration
from marskit.domain.diagnosis import Severity
from marskit.domain.events import ConfigurationChanged, FaultEnded, MeshReady, Noticed, Progressed
from marskit.domain.faults import Fault, HangReplica
from marskit.domain.metrics import MeshSample, WorkloadSample
from marskit.domain.topology import Topology
from marskit.mesh.envoy.binaries import envoy_binary
from marskit.mesh.envoy.chaos import Chaos
from marskit.mesh.envoy.hosts import HostTraffic
from marskit.mesh.envoy.launch import launch
from marskit.mesh.envoy.logs import bound
from marskit.mesh.envoy.npm_install import with_packages
from marskit.mesh.envoy.proxy import Proxy
from marskit.mesh.envoy.publisher import Publisher
from marskit.mesh.envoy.replicas import ReplicaSet
from marskit.mesh.envoy.resources.entrances import PROBE_HEADER, PROBE_PATH, routes_file
from marskit.mesh.envoy.resources.model import Endpoint, Listener, Resource, WorkloadFault
from marskit.mesh.envoy.resources.render import expressible_listeners, render
from marskit.mesh.envoy.telemetry import EdgeNames, Telemetry
from marskit.mesh.envoy.utilisation import OccupancyMeter
from marskit.mesh.envoy.validation import refusal
from marskit.mesh.manifests.edit import apply_action, preview_action
from marskit.mesh.manifests.graph import AddressVariable, configuration, local_environment, topology
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from marskit.mesh.manifests.selection import selects
from marskit.mesh.manifests.workloads import Deployment
from marskit.mesh.port import (
    SCALE_WAIT_S,
    ActionError,
    ActionPreview,
    Applied,
    MeshError,
    MeshEvent,
    Rejected,
    WriteOutcome,
)
from marskit.system.free_ports import LOOPBACK, PortPicker, is_free
from marskit.system.local_http import HttpClient, HttpError
from marskit.system.private_files import make_private_folder
from marskit.system.processes import Children, scratch_path
from marskit.timing.clock import Clock

CAPABILITIES = Capabilities(is_simulated=False, can_hold_time=False, sample_period_s=0.25)
"""Envoy updates its histograms every quarter of a second; see `FLUSH_INTERVAL`."""
START_TIMEOUT_S = 30.0
STOP_GRACE_S = 3.0


class EnvoyMesh:
    """One Envoy and one process per replica, all on the loopback interface and gone with the run."""

    def __init__(
        self,
        config: MeshConfig,
        *,
        clock: Clock,
        seed: int,
        gateway_port: int | None = None,
    ) -> None:
        """Take the manifests; nothing is started yet.

        Args:
            config: The mesh to run.
            clock: What samples are stamped with.
            seed: Reaches every replica as `SEED`.
            gateway_port: Where the gateway listens, with the first port it has; None picks a free one.

        Raises:
            ManifestError: The mesh has no entrance, or Envoy's configuration cannot express something.
            MeshError: A program or a folder that it needs is missing, or the gateway's port is in use.
        """
        self._config = config
        self._clock = clock
        self._seed = seed
        self._gateway_port = gateway_port
        self._binary = envoy_binary()
        self._listeners = expressible_listeners(config)
        self._picker = PortPicker(taken=gateway_port)
        self._ports = {listener.name: self._port(listener) for listener in self._listeners}
        self._launches = {
            each.name: launch(each, local_environment(config, each, self._listener_port), config.root)
            for each in config.deployments
        }
        self._report: Callable[[MeshEvent], None] = lambda event: None
        self._sets: dict[str, ReplicaSet] = {}
        self._publishing = asyncio.Lock()
        self._endings = AsyncExitStack()
        self._sampled_at_s = 0.0

    @property
    def name(self) -> str:
        """`envoy`."""
        return "envoy"

    @property
    def capabilities(self) -> Capabilities:
        """Everything, in real time."""
        return CAPABILITIES

    @cached_property
    def topology(self) -> Topology:
        """The graph that the manifests describe; actions do not change it."""
        return topology(self._config)

    @property
    def configuration(self) -> Configuration:
        """The present manifests, including all actions so far."""
        return configuration(self._config)

    async def start(self, report: Callable[[MeshEvent], None]) -> str:
        """Start Envoy and all replicas side by side; returns once every workload is ready."""
        self._report = report
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End every process and remove the run's folder."""
        await self._endings.aclose()

    async def sample(self) -> MeshSample:
        """What passed since the last call; raises `MeshError` while Envoy does not answer."""
        try:
            traffic, replicas = await asyncio.gather(
                self._telemetry.read(), self._hosts.read(self._ports_of())
            )
        except HttpError as error:
            raise MeshError(f"Envoy's statistics cannot be read: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MeshError(f"Envoy's statistics make no sense: {type(error).__name__}: {error}") from error
        self._restore_files()
        occupancies = await self._meter.read(tuple(self._sets.values()))
        workloads = tuple(
            WorkloadSample(
                name,
                self.configuration.replicas_of(name),
                len(replica_set.serving),
                occupancy.utilisation,
                occupancy.queued,
                replica_set.take_ended(),
                tuple(replicas[r.name] for r in replica_set.serving if r.name in replicas),
            )
            for (name, replica_set), occupancy in zip(self._sets.items(), occupancies, strict=True)
        )
        bound(self._folder / "logs")
        now_s = self._clock.now()
        duration_s, self._sampled_at_s = now_s - self._sampled_at_s, now_s
        return MeshSample(
            now_s, duration_s, traffic.edges, workloads, self._publisher.generation,
            unrouted=traffic.unrouted, counter_resets=traffic.resets,
        )  # fmt: skip

    def _restore_files(self) -> None:
        """Tell what others did to Envoy's files, and let Envoy run again what the manifests say."""
        if self._publishing.locked() or not (files := self._publisher.restore()):
            return
        sentence = f"somebody else changed Envoy's files ({', '.join(files)}); they were written again."
        self._report(ConfigurationChanged(self._clock.now(), (), sentence, self.configuration))

    def preview(self, action: Action) -> ActionPreview:
        """What the action would do to the manifests."""
        return preview_action(self._config, action)

    async def execute(self, action: Action) -> WriteOutcome:
        """Edit the manifests and bring the edit to Envoy or to the replicas."""
        try:
            if isinstance(action, Scale):
                self._config = apply_action(self._config, action)
                return await self._scale(self._sets[action.workload], action.replicas)
            async with self._publishing:
                wanted = apply_action(self._config, action)
                outcome = await self._publisher.publish(self._render(wanted))
                if isinstance(outcome, Rejected):
                    return Rejected(await self._refusal(wanted) or outcome.reason)
                # Edited again: a workload may have been scaled while Envoy was updated.
                self._config = apply_action(self._config, action)
                return outcome
        except ActionError as error:
            return Rejected(str(error))

    async def inject(self, fault: Fault) -> None:
        """Break replicas through their own chaos endpoint, or requests to them in the proxy."""
        await self._chaos.inject(fault, self._sets, self._check_faults)
        await self._publish()

    async def _start(self) -> str:
        started_s = self._clock.now()
        await self._install_packages()
        self._http = HttpClient()
        self._endings.push_async_callback(self._http.close)
        folder = self._folder = scratch_path("marskit-")
        self._children = Children(scratch=folder)
        self._endings.push_async_callback(self._children.close, grace_s=STOP_GRACE_S)
        self._children.make_scratch()
        self._progress(
            "manifests", f"{len(self._config.deployments)} workloads, {len(self._listeners)} listeners"
        )
        for notice in self._config.notices:
            self._notice(Severity.INFO, "manifests", notice)
        logs, xds = folder / "logs", folder / "xds"
        make_private_folder(logs)
        make_private_folder(xds)
        self._chaos = Chaos(self._http)
        self._meter = OccupancyMeter(self._http)
        self._endings.push_async_callback(self._meter.close)
        self._probe_token = secrets.token_hex(8)
        self._proxy = Proxy(
            self._binary,
            xds=xds,
            log=logs / "envoy.log",
            children=self._children,
            report=self._notice,
            restored=self._restored,
        )
        self._telemetry = Telemetry(
            self._proxy, EdgeNames(self.topology, self.configuration, self._listeners)
        )
        self._hosts = HostTraffic(self._proxy)
        self._publisher = Publisher(
            xds,
            self._proxy,
            self._http,
            probes={
                routes_file(listener): f"http://{LOOPBACK}:{self._ports[listener.name]}{PROBE_PATH}"
                for listener in self._listeners
            },
            probe_headers={PROBE_HEADER: self._probe_token},
        )
        for deployment in self._config.deployments:
            self._sets[deployment.name] = self._replica_set(deployment, logs)
            self._endings.push_async_callback(self._sets[deployment.name].stop)
        # One replica of each first: on few cores, the first answer would wait for all the others.
        for replica_set in self._sets.values():
            await replica_set.scale(min(1, replica_set.deployment.replicas))
        self._endings.push_async_callback(self._proxy.stop)
        async with self._publishing:
            try:
                await self._publisher.start(self._render(self._config))
            except MeshError as error:
                raise MeshError(await self._refusal(self._config) or str(error)) from None
        self._progress("envoy", f"Envoy serves after {self._clock.now() - started_s:.2f} s")
        await asyncio.gather(*(self._wait_ready(replica_set) for replica_set in self._sets.values()))
        await self._publish()
        for replica_set in self._sets.values():
            await replica_set.scale(replica_set.deployment.replicas)
        self._sampled_at_s = self._clock.now()
        urls = {each.name: f"http://{LOOPBACK}:{self._ports[each.name]}" for each in self._listeners}
        for each in self._listeners[1:]:
            if each.is_gateway:
                opened = f"port {each.port} of Gateway {', '.join(each.gateways)}"
                self._progress("gateway", f"{opened} is at {urls[each.name]}")
        url = urls[self._listeners[0].name]
        self._report(MeshReady(self._clock.now(), url))
        return url

    async def _install_packages(self) -> None:
        """Let those that need npm packages run in copies of their folders that have them."""
        copies: dict[Path, Path] = {}
        for folder in sorted({each.directory for each in self._launches.values() if each.packages}):
            lease = await with_packages(folder, partial(self._progress, "packages"))
            self._endings.callback(lease.close)
            copies[folder] = lease.folder
        self._launches = {
            each.name: launch(each, self._launches[each.name].env, self._config.root, copies)
            for each in self._config.deployments
        }

    def _replica_set(self, deployment: Deployment, logs: Path) -> ReplicaSet:
        replica_set = ReplicaSet(
            deployment,
            launch=self._launches[deployment.name],
            seed=self._seed,
            children=self._children,
            ports=self._picker,
            http=self._http,
            logs=logs,
            published=self._publish,
            prepared=lambda replica: self._chaos.prepare(replica_set, replica),
            report=self._notice,
            hang_ended=lambda: self._report(FaultEnded(self._clock.now(), HangReplica(deployment.name))),
            # Many manifests leave out containerPort; who has neither that nor a Service is a worker.
            listens=deployment.container_port is not None
            or any(selects(service, deployment) for service in self._config.services),
        )
        return replica_set

    async def _wait_ready(self, replica_set: ReplicaSet) -> None:
        name = replica_set.deployment.name
        timeout_s = max(START_TIMEOUT_S, replica_set.patience_s)
        if not await replica_set.wait_ready(timeout_s):
            words = " ".join(map(replica_set.last_words, replica_set.replicas))
            raise MeshError(f"{name} does not become ready within {timeout_s:g} s: {words}")
        self._progress(name, f"{len(replica_set.serving)} ready")

    async def _scale(self, replica_set: ReplicaSet, count: int) -> WriteOutcome:
        start_s = self._clock.now()
        await replica_set.scale(count)
        pushed_after_ms = (self._clock.now() - start_s) * 1000
        ready = await replica_set.wait_ready(SCALE_WAIT_S)
        effective_after_ms = (self._clock.now() - start_s) * 1000 if ready else None
        return Applied(self._publisher.generation.accepted, pushed_after_ms, effective_after_ms)

    @staticmethod
    async def _refusal(config: MeshConfig) -> str:
        """What Envoy refuses, with its place in the manifests; empty if its own check finds nothing."""
        try:
            return str(await asyncio.to_thread(refusal, config) or "")
        except MeshError:
            return ""

    async def _publish(self) -> None:
        """Bring who serves now to Envoy."""
        async with self._publishing:
            if self._proxy.starts and (problem := await self._published()):
                self._notice(Severity.CRITICAL, "envoy", problem)

    async def _restored(self) -> str:
        """Why an Envoy that was restarted does not serve the whole configuration; empty if it does."""
        async with self._publishing:
            return await self._published()

    async def _published(self) -> str:
        try:
            outcome = await self._publisher.publish(self._render(self._config))
        except OSError as error:
            return f"the configuration cannot be written: {error}"
        if not isinstance(outcome, Applied):
            return outcome.reason
        return self._publisher.unserved if outcome.effective_after_ms is None else ""

    def _check_faults(self, faults: tuple[WorkloadFault, ...]) -> None:
        try:
            self._render(self._config, faults)
        except ManifestError as error:
            raise ActionError(str(error)) from None

    def _render(
        self, config: MeshConfig, faults: tuple[WorkloadFault, ...] | None = None
    ) -> Mapping[str, tuple[Resource, ...]]:
        endpoints = tuple(
            Endpoint(name, LOOPBACK, replica.port)
            for name, replica_set in self._sets.items()
            for replica in replica_set.serving
        )
        return render(
            config,
            listeners=self._listeners,
            ports=self._ports,
            endpoints=endpoints,
            probe_token=self._probe_token,
            faults=self._chaos.proxy_faults(self._sets) if faults is None else faults,
            directory=self._folder / "xds",
        )

    def _ports_of(self) -> dict[str, int]:
        """The port of every serving replica, by its name."""
        return {each.name: each.port for members in self._sets.values() for each in members.serving}

    def _listener_port(self, call: AddressVariable) -> int:
        wanted = (call.caller, call.host, call.port)
        name = next(li.name for li in self._listeners if (li.source, li.service, li.port) == wanted)
        return self._ports[name]

    def _port(self, listener: Listener) -> int:
        if listener != self._listeners[0] or self._gateway_port is None:
            return self._picker.pick()
        if not is_free(self._gateway_port):
            raise MeshError(f"port {self._gateway_port} is in use: choose another with --gateway-port")
        return self._gateway_port

    def _progress(self, step: str, detail: str) -> None:
        self._report(Progressed(self._clock.now(), step, detail))

    def _notice(self, severity: Severity, subject: str, sentence: str) -> None:
        self._report(Noticed(self._clock.now(), severity, subject, sentence))
