"""Notices of fields of Istio that are right and do nothing here."""

from collections.abc import Iterator
from typing import Any

from marskit.mesh.manifests.fields import Path
from marskit.mesh.manifests.findings import Finding, notice
from marskit.mesh.manifests.istio import MESH_GATEWAY, HttpMatch, VirtualService
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.rules import catches_all

_EVERY = "[]"
_POLICY = (
    ("trafficPolicy",),
    ("trafficPolicy", "portLevelSettings", _EVERY),
    ("subsets", _EVERY, "trafficPolicy"),
    ("subsets", _EVERY, "trafficPolicy", "portLevelSettings", _EVERY),
)
_HTTP2 = "has no effect here, where all requests are HTTP/1.1"
_IN_POLICIES = {
    ("connectionPool", "tcp", "tcpKeepalive"): "has no effect on one machine",
    ("connectionPool", "http", "maxConcurrentStreams"): _HTTP2,
    ("connectionPool", "http", "useClientProtocol"): _HTTP2,
    ("loadBalancer", "localityLbSetting"): "has no effect here, where all replicas are in one place",
}
_WITHOUT_EFFECT: dict[str, dict[tuple[str, ...], str]] = {
    "VirtualService": {
        ("http", _EVERY, "match", _EVERY, "statPrefix"): "has no effect here: it only names statistics",
        ("http", _EVERY, "retries", "retryRemoteLocalities"): (
            "has no effect here, where all replicas are in one place"
        ),
    },
    "DestinationRule": {
        (*place, *inner): sentence for place in _POLICY for inner, sentence in _IN_POLICIES.items()
    },
    "Gateway": {("servers", _EVERY, "bind"): "has no effect here: every port is on the loopback interface"},
}


def check_effects(config: MeshConfig) -> Iterator[Finding]:
    """Notices, in the order of the documents."""
    for document in config.documents:
        for pattern, sentence in _WITHOUT_EFFECT.get(document.kind, {}).items():
            for path in _places(document.body.get("spec"), pattern, ("spec",)):
                yield notice(document.kind, document, path, f"{_last(path)} {sentence}")
    for service in config.virtual_services:
        yield from _faults(service)
        yield from _unreached(service)
        if service.gateways != (MESH_GATEWAY,) and "*" not in service.export_to:
            sentence = "has no effect at a Gateway here, because the namespace of its pods is not known"
            yield notice("VirtualService", service, ("spec", "exportTo"), f"exportTo {sentence}")


def _unreached(service: VirtualService) -> Iterator[Finding]:
    """Rules after one that takes every request, wherever it comes from."""
    taken: int | None = None
    for index, route in enumerate(service.http):
        if taken is not None:
            sentence = f"http[{index}] is never reached, because http[{taken}] takes every request"
            yield notice("VirtualService", service, ("spec", "http", index), sentence)
        elif any(_takes_all(match) for match in route.matches or (None,)):
            taken = index


def _takes_all(match: HttpMatch | None) -> bool:
    if match is None:
        return True
    limits = (match.port, match.gateways, match.source_labels, match.source_namespace)
    return catches_all(match) and not any(limits)


def _faults(service: VirtualService) -> Iterator[Finding]:
    for index, route in enumerate(service.http):
        fault = route.fault
        if fault is None:
            continue
        statuses = (fault.abort_status, fault.abort_grpc_status)
        for name, is_idle in (
            ("delay", fault.delay_ms is not None and not fault.delays),
            ("abort", statuses != (None, None) and not fault.aborts),
        ):
            if is_idle:
                path = ("spec", "http", index, "fault", name)
                sentence = f"{name} has no percentage above 0, so it hits no request, as in Istio"
                yield notice("VirtualService", service, path, sentence)


def _places(value: Any, pattern: tuple[str, ...], path: Path) -> Iterator[Path]:
    """The paths of a document at which the pattern's field is written."""
    if not pattern:
        yield path
        return
    step, *rest = pattern
    if step == _EVERY and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, tuple(rest), (*path, index))
    elif isinstance(value, dict) and value.get(step) is not None:
        yield from _places(value[step], tuple(rest), (*path, step))


def _last(path: Path) -> str:
    return str(path[-1])
