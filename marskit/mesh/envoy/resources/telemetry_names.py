"""The names of the proxy's per-edge statistics, and how to parse them.

Envoy writes a tagged statistic's name and tags as one dotted string, and host names contain dots too; so
every tag's value is enclosed in angle brackets, which no Kubernetes name can contain.
"""

import re
from dataclasses import dataclass

from marskit.mesh.envoy.resources.model import ClusterKey, Resource

PREFIX = "marskit"
"""The scope of our own statistics; ask Envoy for `filter=^marskit\\.`."""

METADATA = "marskit"
"""The metadata namespace in which an endpoint states its workload."""

_CLUSTER = r"(?P<listener>[^|<>]+)\|(?P<port>\d+)\|(?P<subset>[^|<>]*)\|(?P<host>[^|<>]+)"
_WORKLOAD = r"\.edge\.<(?P<edge>[^<>]*)>\.workload\.<(?P<workload>[^<>]*)>"

OK = re.compile(rf"{PREFIX}\.ok{_WORKLOAD}")
"""A latency histogram, in microseconds, of the responses below 500."""

RQ = re.compile(
    rf"{PREFIX}\.rq{_WORKLOAD}\.cluster\.<(?:{_CLUSTER})?>\.code\.<(?P<code>\d+)>\.flags\.<(?P<flags>[^<>]*)>"
)
"""A counter of finished requests."""

CLUSTER = re.compile(rf"cluster\.{_CLUSTER}(?<=\.svc\.cluster\.local)\.(?P<stat>.+)")
"""One of Envoy's own statistics of one of our clusters: `upstream_rq_retry`, `upstream_rq_timeout` ..."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """The subject of one `ok` histogram."""

    edge: str
    """The listener's name."""
    workload: str | None
    """None: the proxy itself responded, with a redirect or a direct response."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The subject of one `rq` counter."""

    edge: str
    """The listener's name."""
    workload: str | None
    """None: no replica was chosen, so only `cluster` is known."""
    cluster: ClusterKey | None
    """None: no route, or one without a destination."""
    code: int
    """The caller's status; 0 if it went away before there was one."""
    flags: tuple[str, ...]
    """Envoy's reasons (UH, UO, UT, FI ...); empty without a failure."""


@dataclass(frozen=True, slots=True)
class ClusterStat:
    """One of Envoy's own statistics."""

    cluster: ClusterKey
    stat: str


def parse_latencies(name: str) -> Latencies | None:
    """The subject of the histogram of that name; None if it is not one of ours."""
    found = OK.fullmatch(name)
    return Latencies(found["edge"], found["workload"] or None) if found else None


def parse_requests(name: str) -> Requests | None:
    """The subject of the counter of that name; None if it is not one of ours."""
    found = RQ.fullmatch(name)
    if not found:
        return None
    flags = tuple(flag for flag in found["flags"].split(",") if flag != "-")
    cluster = _key(found) if found["listener"] else None
    return Requests(found["edge"], found["workload"] or None, cluster, int(found["code"]), flags)


def parse_cluster_stat(name: str) -> ClusterStat | None:
    """The statistic and cluster of that name; None if it is not of one of our clusters."""
    found = CLUSTER.fullmatch(name)
    return ClusterStat(_key(found), found["stat"]) if found else None


def latency_stat(edge: str) -> Resource:
    """Name and tags of the `ok` histogram."""
    return {"name": "ok", "tags": _tags(edge)}


def request_stat(edge: str) -> Resource:
    """Name and tags of the `rq` counter."""
    tags = [
        *_tags(edge),
        _tag("cluster", "%UPSTREAM_CLUSTER_RAW%"),
        _tag("code", "%RESPONSE_CODE%"),
        _tag("flags", "%RESPONSE_FLAGS%"),
    ]
    return {"name": "rq", "tags": tags}


def _tags(edge: str) -> list[Resource]:
    return [_tag("edge", edge), _tag("workload", f"%UPSTREAM_METADATA({METADATA}:workload)%")]


def _tag(name: str, value_format: str) -> Resource:
    return {"name": name, "value_format": f"<{value_format}>"}


def _key(found: re.Match[str]) -> ClusterKey:
    return ClusterKey(found["listener"], found["host"], int(found["port"]), found["subset"] or None)
