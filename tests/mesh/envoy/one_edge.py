"""One Envoy with one listener, whose files the tests spoil."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marskit.domain.diagnosis import Severity
from marskit.mesh.envoy.binaries import envoy_binary
from marskit.mesh.envoy.proxy import Proxy
from marskit.mesh.envoy.publisher import Publisher, Resources
from marskit.mesh.port import Applied
from marskit.system.free_ports import PortPicker
from marskit.system.local_http import Answer, HttpClient
from marskit.system.processes import Children

TYPES = "type.googleapis.com/envoy."


@dataclass
class Bench:
    folder: Path
    port: int
    proxy: Proxy
    http: HttpClient
    publisher: Publisher
    sentences: list[str]

    @property
    def served(self) -> Resources:
        """What the files hold."""
        return {file: resources for file, (_, resources) in self.publisher._files.items()}

    def source(self, file: str) -> dict[str, Any]:
        return {"resource_api_version": "V3", "path_config_source": {"path": str(self.folder / file)}}

    async def most_connections(self) -> int:
        """What Envoy itself says that the cluster allows."""
        answer = await self.proxy._http.get("http://envoy/clusters?format=json")
        (cluster,) = answer.json()["cluster_statuses"]
        (first, *_) = cluster["circuit_breakers"]["thresholds"]
        count: int = first["max_connections"]
        return count

    def resources(self, *, status: int = 200, body: str = "one", most: Any = 100) -> Resources:
        """A listener that answers by itself, and a cluster of at most `most` connections."""
        answer = {"status": status, "body": {"inline_string": body}}
        route = {"name": "edge", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": []}]}
        route["virtual_hosts"][0]["routes"] = [{"match": {"prefix": "/"}, "direct_response": answer}]  # type: ignore[index]
        manager = {
            "@type": TYPES + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "edge",
            "rds": {"route_config_name": "edge", "config_source": self.source("rds-edge.json")},
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
        cluster = {
            "name": "stock",
            "type": "EDS",
            "eds_cluster_config": {"eds_config": self.source("eds-stock.json")},
            "circuit_breakers": {"thresholds": [{"max_connections": most}]},
        }
        return {
            "eds-stock.json": [
                {"@type": TYPES + "config.endpoint.v3.ClusterLoadAssignment", "cluster_name": "stock"}
            ],
            "cds.json": [{"@type": TYPES + "config.cluster.v3.Cluster", **cluster}],
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

    async def restored() -> str:
        outcome = await publisher.publish(made.served)
        return "" if isinstance(outcome, Applied) else outcome.reason

    http = HttpClient()
    proxy = Proxy(
        envoy_binary(),
        xds=tmp_path,
        log=tmp_path / "envoy.log",
        children=children,
        report=report,
        restored=restored,
    )
    probes = {"rds-edge.json": f"http://127.0.0.1:{port}/"}
    publisher = Publisher(tmp_path, proxy, http, probes=probes, probe_headers={})
    made = Bench(tmp_path, port, proxy, http, publisher, sentences)
    yield made
    await proxy.stop()
    await http.close()
    await children.close(grace_s=1)
