"""A real Envoy in front of echoing backends, whose configuration the tests swap."""

import asyncio
import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marskit.mesh.envoy.binaries import envoy_binary, node_binary
from marskit.mesh.envoy.proxy import Proxy
from marskit.mesh.envoy.publisher import Publisher
from marskit.mesh.envoy.resources.entrances import PROBE_HEADER, PROBE_PATH, routes_file
from marskit.mesh.envoy.resources.listeners import listeners
from marskit.mesh.envoy.resources.model import Endpoint, Listener, Resource, WorkloadFault
from marskit.mesh.envoy.resources.render import render
from marskit.mesh.manifests.graph import AddressVariable
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.port import Applied
from marskit.system.free_ports import LOOPBACK, PortPicker
from marskit.system.local_http import HttpClient
from marskit.system.processes import Children
from tests.mesh.envoy.resources.factory import CALLS

TOKEN = "secret"
DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and what the backend said it got."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def backend(self) -> str | None:
        return self.headers.get("x-backend")

    @property
    def sent(self) -> Mapping[str, Any]:
        """The request as the backend saw it."""
        seen: Mapping[str, Any] = json.loads(self.body)
        return seen


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll until the condition holds; fail after a deadline, saying what did not come."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.003)


@contextmanager
def echo_servers(*names: str) -> Iterator[dict[str, int]]:
    """Backends by name; they end with the pipe to them."""
    command = [str(node_binary()), str(Path(__file__).with_name("echo.js")), *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()


def exchange(
    connection: http.client.HTTPConnection,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request over an open connection."""
    connection.request(method, path, headers=dict(headers or {}))
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, response.read().decode())


@dataclass
class Bench:
    """The running Envoy; its listeners stay, everything else may be swapped."""

    folder: Path
    runner: asyncio.Runner
    proxy: Proxy
    publisher: Publisher
    listeners: tuple[Listener, ...]
    ports: dict[str, int]
    backends: dict[str, int]
    written: dict[str, tuple[Resource, ...]] = field(default_factory=dict)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """One replica of each backend; what comes after a `#` in a backend's name tells replicas apart."""
        return tuple(Endpoint(name.partition("#")[0], LOOPBACK, port) for name, port in self.backends.items())

    def apply(
        self,
        config: MeshConfig,
        *,
        endpoints: Sequence[Endpoint] | None = None,
        faults: Sequence[WorkloadFault] = (),
    ) -> set[str]:
        """Publish a configuration, wait until all of it serves, and return the names of the changed files."""
        files = self.render(config, endpoints=endpoints, faults=faults)
        changed = {name for name, resources in files.items() if self.written.get(name) != resources}
        outcome = self.runner.run(self.publisher.publish(files))
        assert isinstance(outcome, Applied), outcome
        assert outcome.effective_after_ms is not None
        wait_for(lambda: self.stats("cluster_manager.warming_clusters").popitem()[1] == 0, "warm clusters")
        self.written = files
        return changed

    def render(
        self,
        config: MeshConfig,
        *,
        endpoints: Sequence[Endpoint] | None = None,
        faults: Sequence[WorkloadFault] = (),
    ) -> dict[str, tuple[Resource, ...]]:
        return render(
            config,
            listeners=self.listeners,
            ports=self.ports,
            endpoints=self.endpoints if endpoints is None else endpoints,
            directory=self.folder,
            probe_token=TOKEN,
            faults=faults,
        )

    @contextmanager
    def connection(self, listener: str = "ingress") -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection(LOOPBACK, self.ports[listener], timeout=DEADLINE_S)
        try:
            yield connection
        finally:
            connection.close()

    def request(
        self,
        path: str = "/",
        *,
        listener: str = "ingress",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request over a connection of its own."""
        with self.connection(listener) as connection:
            return exchange(connection, path, method=method, headers=headers)

    def seen_by(self, backend: str) -> list[dict[str, Any]]:
        """The last requests that a backend got."""
        connection = http.client.HTTPConnection(LOOPBACK, self.backends[backend], timeout=DEADLINE_S)
        try:
            seen: list[dict[str, Any]] = json.loads(exchange(connection, "/__seen").body)
            return seen
        finally:
            connection.close()

    def stats(self, pattern: str) -> dict[str, Any]:
        """Counters, gauges and texts by name."""
        found = self.runner.run(self.proxy.stats(pattern))
        return {stat["name"]: stat["value"] for stat in found if "name" in stat}


async def new_client() -> HttpClient:
    """A client for the loop that this runs on."""
    return HttpClient()


async def nothing_to_say() -> str:
    """What `Proxy` asks after a restart, which these tests do not do."""
    return ""


@contextmanager
def running_bench(
    folder: Path, config: MeshConfig, backends: Sequence[str], calls: Sequence[AddressVariable] = CALLS
) -> Iterator[Bench]:
    """Backends and an Envoy with the listeners that `config` and `calls` ask for."""
    picker, children = PortPicker(), Children()
    places = listeners(config, calls)
    ports = {place.name: picker.pick() for place in places}
    probes = {routes_file(place): f"http://{LOOPBACK}:{ports[place.name]}{PROBE_PATH}" for place in places}
    with echo_servers(*backends) as ready, asyncio.Runner() as runner:
        client = runner.run(new_client())
        log = folder / "envoy.log"
        proxy = Proxy(
            envoy_binary(),
            xds=folder,
            log=log,
            children=children,
            report=lambda *_: None,
            restored=nothing_to_say,
        )
        publisher = Publisher(folder, proxy, client, probes=probes, probe_headers={PROBE_HEADER: TOKEN})
        bench = Bench(folder, runner, proxy, publisher, places, ports, ready)

        async def stop() -> None:
            await proxy.stop()
            await children.close(grace_s=1)
            await client.close()

        try:
            runner.run(publisher.start(bench.render(config)))
            yield bench
            assert "rejected" not in log.read_text()
        finally:
            runner.run(stop())
