"""The graph and the proxy agree: the edges of the topology are the ways that the rendered clusters lead."""

from pathlib import Path, PurePath
from typing import Any

import pytest

from marskit.domain.topology import EdgeId
from marskit.mesh.envoy.resources.listeners import listeners
from marskit.mesh.envoy.resources.model import Endpoint
from marskit.mesh.envoy.resources.render import render
from marskit.mesh.manifests.graph import calls, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from tests.mesh.manifests.shop import FIXTURES, SHOP, changed
from tests.paths import ROOT

BOOKINFO = FIXTURES / "bookinfo"


def rendered_edges(config: MeshConfig) -> set[EdgeId]:
    entrances = listeners(config, calls(config))
    workloads = {10_000 + n: deployment.name for n, deployment in enumerate(config.deployments)}
    files = render(
        config,
        listeners=entrances,
        ports={entrance.name: 20_000 + n for n, entrance in enumerate(entrances)},
        endpoints=[Endpoint(name, "127.0.0.1", port) for port, name in workloads.items()],
        directory=PurePath("/xds"),
        probe_token="token",
    )
    sources = {entrance.name: entrance.source for entrance in entrances}
    found: set[EdgeId] = set()
    for name, resources in files.items():
        if name.startswith("eds-"):
            for assignment in resources:
                listener, _, _, host = assignment["cluster_name"].split("|")
                for port in _ports(assignment):
                    found.add(EdgeId(sources[listener], host.partition(".")[0], workloads[port]))
    return found


def _ports(value: Any) -> list[int]:
    """All port values in a resource."""
    if isinstance(value, list):
        return [port for item in value for port in _ports(item)]
    if isinstance(value, dict):
        inner = [port for item in value.values() for port in _ports(item)]
        return [*inner, value["port_value"]] if "port_value" in value else inner
    return []


DEMO = (ROOT / "k8s" / "base", ROOT / "service-mesh")


@pytest.mark.parametrize(
    ("paths", "mapping"),
    [(DEMO, None), ((BOOKINFO,), BOOKINFO / "mapping.toml"), ((SHOP,), None)],
    ids=["demo", "bookinfo", "shop"],
)
def test_edges_are_where_clusters_lead(paths: tuple[Path, ...], mapping: Path | None) -> None:
    config = load_mesh(paths, mapping=mapping)
    edges = rendered_edges(config)
    assert edges == set(topology(config).edges)
    assert edges


@pytest.mark.parametrize(
    "rule",
    [
        "match: [{sourceLabels: {app: back}}]\n      route: [{destination: {host: front}}]",
        "match: [{sourceLabels: {app: front}}]\n      route: [{destination: {host: front}}]",
        "match: [{port: 81}]\n      route: [{destination: {host: front}}]",
        "match: [{gateways: [door]}]\n      route: [{destination: {host: front}}]",
        "match: [{uri: {prefix: /}}]\n      route: [{destination: {host: front}}]",
        "route: [{destination: {host: front}}]",
        "redirect: {uri: /}",
        "match: [{authority: {exact: cart}}]\n      route: [{destination: {host: front}}]",
        "match: [{authority: {prefix: 'cart.shop:'}}]\n      route: [{destination: {host: front}}]",
        "match: [{authority: {regex: '[^.]*:80'}}]\n      route: [{destination: {host: front}}]",
        "match: [{sourceNamespace: other}, {port: 8080, method: {exact: GET}}]\n      redirect: {uri: /}",
        "match: [{sourceLabels: {app: back}, gateways: [mesh]}]\n      route: [{destination: {host: front}}]",
        "route: [{destination: {host: front}}]\n      mirror: {host: front}",
    ],
)
def test_conditions_mean_the_same_to_both(rule: str, tmp_path: Path) -> None:
    file = changed(
        tmp_path,
        '    - match:\n        - headers:\n            x-beta:\n              exact: "yes"\n      route:\n'
        "        - destination:\n            host: cart\n            subset: v2\n",
        f"    - {rule}\n",
    )
    config = load_mesh([file])
    assert rendered_edges(config) == set(topology(config).edges)


@pytest.mark.parametrize("host", ["shop.example.com", "*.example.com", "*", "other.example.com", "*.com"])
@pytest.mark.parametrize(
    "condition", ["uri: {prefix: /}", "sourceLabels: {app: x}", "port: 80", "port: 81", "gateways: [mesh]"]
)
def test_gateways_mean_the_same_to_both(host: str, condition: str, tmp_path: Path) -> None:
    file = changed(tmp_path, "        - uri:\n            prefix: /\n", f"        - {condition}\n")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('      hosts: ["*"]', f'      hosts: ["{host}"]'), encoding="utf-8")
    config = load_mesh([file])
    assert rendered_edges(config) == set(topology(config).edges)
