"""One static configuration out of all xDS files, for Envoy's own check of it."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from marskit.mesh.envoy.resources.entrances import routes_file
from marskit.mesh.envoy.resources.model import Listener, Resource
from marskit.mesh.envoy.resources.render import CLUSTERS_FILE, LISTENERS_FILE


def static_configuration(
    files: Mapping[str, Sequence[Resource]], listeners: Sequence[Listener]
) -> dict[str, Any]:
    """A bootstrap that contains what the files contain: Envoy checks no files that a bootstrap refers to."""
    clusters = [_without_files(cluster) for cluster in files[CLUSTERS_FILE]]
    routes = {listener.name: files[routes_file(listener)][0] for listener in listeners}
    entrances = [
        _with_routes(entrance, routes[entrance["name"]], port)
        for port, entrance in enumerate(files[LISTENERS_FILE], start=1)
    ]
    return {"static_resources": {"clusters": clusters, "listeners": entrances}}


def _without_files(cluster: Resource) -> Resource:
    found = {key: value for key, value in cluster.items() if key not in ("@type", "eds_cluster_config")}
    return found | {"type": "STATIC"}


def _with_routes(entrance: Resource, routes: Resource, port: int) -> Resource:
    found = copy.deepcopy(entrance)
    del found["@type"]
    found["address"]["socket_address"]["port_value"] = port
    manager = found["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["rds"]
    manager["route_config"] = {key: value for key, value in routes.items() if key != "@type"}
    return found
