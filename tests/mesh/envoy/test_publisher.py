import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from marskit.domain.diagnosis import Severity
from marskit.mesh.envoy.binaries import envoy_binary
from marskit.mesh.envoy.proxy import Proxy
from marskit.mesh.envoy.publisher import GENERATION_HEADER, Publisher, Resources
from marskit.mesh.port import Applied, MeshError, Rejected, Unknown
from marskit.system.free_ports import PortPicker
from marskit.system.local_http import Answer, HttpClient
from marskit.system.processes import Children

pytestmark = pytest.mark.mesh
TYPES = "type.googleapis.com/envoy."


@dataclass
class Bench:
    folder: Path
    port: int
    proxy: Proxy
    http: HttpClient
    publisher: Publisher
    sentences: list[str]

    def resources(self, *, status: int = 200, body: str = "one") -> Resources:
        """A listener that answers by itself, its routes in a file of their own."""
        answer = {"status": status, "body": {"inline_string": body}}
        route = {"name": "edge", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": []}]}
        route["virtual_hosts"][0]["routes"] = [{"match": {"prefix": "/"}, "direct_response": answer}]  # type: ignore[index]
        source = {
            "resource_api_version": "V3",
            "path_config_source": {"path": str(self.folder / "rds-edge.json")},
        }
        manager = {
            "@type": TYPES + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "edge",
            "rds": {"route_config_name": "edge", "config_source": source},
            "http_filters": [
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": TYPES + "extensions.filters.http.router.v3.Router"},
                }
            ],
        }
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.port}}
        listener = {
            "name": "edge",
            "address": address,
            "enable_reuse_port": False,
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }
        return {
            "cds.json": [],
            "lds.json": [{"@type": TYPES + "config.listener.v3.Listener", **listener}],
            "rds-edge.json": [{"@type": TYPES + "config.route.v3.RouteConfiguration", **route}],
        }

    async def get(self) -> Answer:
        return await self.http.get(f"http://127.0.0.1:{self.port}/")


@asynccontextmanager
async def made_in(tmp_path: Path) -> AsyncIterator[Bench]:
    """Everything but a running Envoy."""
    ports, children, sentences = PortPicker(), Children(), list[str]()
    port = ports.pick()

    def report(severity: Severity, subject: str, sentence: str) -> None:
        sentences.append(sentence)

    http = HttpClient()
    proxy = Proxy(
        envoy_binary(),
        xds=tmp_path,
        log=tmp_path / "envoy.log",
        children=children,
        ports=ports,
        http=http,
        report=report,
    )
    probes = {"rds-edge.json": f"http://127.0.0.1:{port}/"}
    publisher = Publisher(tmp_path, proxy, http, probes=probes, probe_headers={})
    yield Bench(tmp_path, port, proxy, http, publisher, sentences)
    await proxy.stop()
    await http.close()
    await children.close(grace_s=1)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with made_in(tmp_path) as made:
        made.publisher.write(made.resources())
        await made.proxy.start()
        yield made


async def test_a_first_configuration_that_envoy_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    async with made_in(tmp_path) as bench:
        bench.publisher.write(bench.resources(status=99))
        with pytest.raises(MeshError, match=r"Envoy refused the configuration: .*DirectResponseAction"):
            await bench.proxy.start()


async def test_a_listener_port_that_is_taken_is_told_in_envoys_words(tmp_path: Path) -> None:
    async with made_in(tmp_path) as bench:
        with socket.create_server(("127.0.0.1", bench.port)):
            bench.publisher.write(bench.resources())
            with pytest.raises(MeshError, match=r"Envoy refused the configuration: .*Address already in use"):
                await bench.proxy.start()


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
