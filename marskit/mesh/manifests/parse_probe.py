"""Probes of a container: what a replica is asked, how often, and how many answers count."""

from dataclasses import replace

from marskit.mesh.manifests.fields import Field, Fields
from marskit.mesh.manifests.mapping import url_path
from marskit.mesh.manifests.workloads import Probe

Ports = tuple[tuple[str | None, int], ...]
"""`(name, containerPort)` of each port."""
_WITHOUT = {
    "liveness": "only a process that ends is restarted",
    "readiness": "an open port counts as ready",
    "startup": "the replica counts as started",
}
_FIELDS = (
    *("exec", "failureThreshold", "grpc", "httpGet", "initialDelaySeconds", "periodSeconds"),
    *("successThreshold", "tcpSocket", "timeoutSeconds"),
)
_MOST = 2**31 - 1


def probe(field: Field, kind: str, ports: Ports, notices: list[str]) -> Probe | None:
    """A probe by httpGet or tcpSocket; None, with a notice, if it cannot be made on this machine.

    Args:
        field: The probe.
        kind: `liveness`, `readiness` or `startup`.
        ports: The container's ports; a process has only the first.
        notices: Gets the sentence on a probe that is not used.
    """
    entry = field.fields(_FIELDS if kind == "readiness" else (*_FIELDS, "terminationGracePeriodSeconds"))
    action = entry.one_of("httpGet", "tcpSocket", "exec", "grpc")
    if action is None:
        raise field.error("a probe with one of httpGet, tcpSocket, exec, grpc")
    # Numbers are checked even where the probe is not used, as Kubernetes would refuse them.
    timing = _timing(entry, most_successes=_MOST if kind == "readiness" else 1)

    def unused(how: str) -> None:
        notices.append(f"the {kind} probe {how} is not used on this machine; {_WITHOUT[kind]}")

    if action in ("exec", "grpc"):
        unused(f"by {action}")
        return None
    get = entry.take("httpGet", lambda f: f.fields(("host", "httpHeaders", "path", "port", "scheme")))
    asked = get or entry.need("tcpSocket", lambda f: f.fields(("host", "port")))
    port = asked.need("port", lambda f: f.text() if isinstance(f.value, str) else f.port())
    path: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    if get is not None:
        get.take("scheme", lambda f: f.choice("HTTP"))
        path = get.take("path", url_path, "/")
        headers = get.take("httpHeaders", _headers, ())
    if ports and port not in ports[0]:
        unused(f"of port {port}")
        return None
    if asked.take("host", Field.text) is not None:
        unused("of another host")
        return None
    return replace(timing, path=path, headers=headers)


def _timing(entry: Fields, most_successes: int) -> Probe:
    """A probe with the numbers that are written, or else Kubernetes' defaults."""
    grace_s = entry.take("terminationGracePeriodSeconds", lambda f: f.integer(1, _MOST))
    return Probe(
        None,
        period_ms=1000 * _count(entry, "periodSeconds", 10),
        timeout_ms=1000 * _count(entry, "timeoutSeconds", 1),
        failures=_count(entry, "failureThreshold", 3),
        successes=_count(entry, "successThreshold", 1, most_successes),
        initial_delay_ms=1000 * _count(entry, "initialDelaySeconds", 0),
        grace_ms=None if grace_s is None else 1000 * grace_s,
    )


def _count(entry: Fields, key: str, default: int, most: int = _MOST) -> int:
    # Kubernetes, too, takes 0 for what is not written.
    return entry.take(key, lambda f: f.integer(0, most), 0) or default


def _headers(field: Field) -> tuple[tuple[str, str], ...]:
    return tuple(_header(item) for item in field.items())


def _header(field: Field) -> tuple[str, str]:
    entry = field.fields(("name", "value"))
    return entry.need("name", Field.text), entry.take("value", Field.any_text, "")
