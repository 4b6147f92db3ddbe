"""Renders all files of one configuration."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from marskit.mesh.envoy.resources.clusters import assignment, cluster
from marskit.mesh.envoy.resources.entrances import PROBE_PATH, entrance, probe_matcher, routes_file
from marskit.mesh.envoy.resources.listeners import listeners
from marskit.mesh.envoy.resources.model import ClusterKey, Endpoint, Listener, Resource, WorkloadFault, typed
from marskit.mesh.envoy.resources.registry import Registry
from marskit.mesh.envoy.resources.routes import RouteTranslator
from marskit.mesh.envoy.resources.virtual_hosts import VirtualHost, virtual_hosts
from marskit.mesh.manifests.graph import calls
from marskit.mesh.manifests.istio import LARGEST_BODY_BYTES
from marskit.mesh.manifests.model import ManifestError, MeshConfig

CLUSTERS_FILE = "cds.json"
LISTENERS_FILE = "lds.json"
HTTPS_REDIRECT = {"name": "https", "match": {"prefix": "/"}, "redirect": {"https_redirect": True}}
"""The only route where a Gateway's server has `tls.httpsRedirect`."""


def render(
    config: MeshConfig,
    *,
    listeners: Sequence[Listener],
    ports: Mapping[str, int],
    endpoints: Sequence[Endpoint],
    directory: PurePath,
    probe_token: str,
    faults: Sequence[WorkloadFault] = (),
) -> dict[str, tuple[Resource, ...]]:
    """The resources of every file, by file name, without a version so that unchanged files compare equal.

    `ports` contains each listener's local port by its name; `directory` is the folder for the files. A
    traffic shift changes only route files, and another number of replicas only endpoint files.

    Raises:
        ManifestError: Something cannot be expressed, by object and field.
    """
    registry = Registry(config, listeners)
    by_workload = {fault.workload: fault for fault in faults}
    keys: dict[ClusterKey, None] = {}
    files: dict[str, tuple[Resource, ...]] = {}
    for listener in listeners:
        translator = RouteTranslator(listener, ports[listener.name], registry, by_workload)
        hosts = virtual_hosts(listener, registry)
        keys |= dict.fromkeys(
            key for host in hosts for rule in host.rules for key in translator.clusters(rule)
        )
        files[routes_file(listener)] = (_routes(listener, hosts, translator, probe_token),)
    _check_reached(faults, registry, keys)
    ordered = sorted(keys, key=lambda key: key.name)
    files[CLUSTERS_FILE] = tuple(cluster(key, registry, directory) for key in ordered)
    files |= {key.file: (assignment(key, registry, endpoints),) for key in ordered}
    files[LISTENERS_FILE] = tuple(
        entrance(listener, ports[listener.name], probe_token, directory) for listener in listeners
    )
    return files


def expressible_listeners(config: MeshConfig) -> tuple[Listener, ...]:
    """The listeners of a configuration, all of which can be expressed.

    Raises:
        ManifestError: Something cannot be expressed, by object and field.
    """
    found = listeners(config, calls(config))
    render(
        config,
        listeners=found,
        ports={listener.name: listener.port for listener in found},
        endpoints=(),
        directory=PurePath(),
        probe_token="",
    )
    return found


def _check_reached(faults: Sequence[WorkloadFault], registry: Registry, keys: Iterable[ClusterKey]) -> None:
    """Refuse a fault that no request can meet."""
    reached = {name for key in keys for name in registry.workloads(key, key.name)}
    for fault in faults:
        if fault.workload not in reached:
            raise ManifestError(f"a fault for {fault.workload} cannot be injected: no route leads to it.")


def _routes(
    listener: Listener, hosts: Sequence[VirtualHost], translator: RouteTranslator, probe_token: str
) -> Resource:
    """The RouteConfiguration of one listener; every virtual host answers the probe first."""
    probe = {
        "name": "probe",
        "match": {"path": PROBE_PATH, "headers": [probe_matcher(probe_token)]},
        "direct_response": {"status": 200},
    }
    return typed(
        "envoy.config.route.v3.RouteConfiguration",
        name=listener.name,
        # A Gateway's host is meant whatever the port in the request.
        ignore_port_in_host_matching=True,
        # Envoy's own limit is 4 KiB.
        max_direct_response_body_size_bytes=LARGEST_BODY_BYTES,
        virtual_hosts=[
            {
                "name": host.domain,
                "domains": [host.domain],
                "include_request_attempt_count": True,
                "routes": [
                    probe,
                    *([HTTPS_REDIRECT] if host.https_only else map(translator.route, host.rules)),
                ],
            }
            for host in hosts
        ],
    )
