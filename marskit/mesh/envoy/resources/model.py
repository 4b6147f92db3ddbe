"""Inputs of the translation besides the manifests: the proxy's listeners and the ready replicas."""

import hashlib
from dataclasses import dataclass
from typing import Any

from marskit.domain.topology import GATEWAY

LONGEST_IN_FILE_NAME = 200
"""File systems take 255 bytes, with what surrounds the name and is added while the file is written."""
_DIGEST = 16

Resource = dict[str, Any]
"""One xDS resource or a part of one, in protobuf's JSON form. Written once, then only compared and dumped."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ready replica."""

    workload: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Listener:
    """One place where traffic enters the proxy."""

    name: str
    source: str
    """The calling Deployment, or the gateway."""
    service: str | None
    """The Service that it stands for, fully qualified; None for the gateway, which stands for many."""
    port: int
    """The Kubernetes port that it represents."""
    gateways: tuple[str, ...] = ()
    """The Gateways that open the port, as `namespace/name`; empty inside the mesh."""
    names: tuple[str, ...] = ()
    """What the caller uses as the authority; empty for the gateway, where it may be anything."""

    @property
    def is_gateway(self) -> bool:
        """Whether traffic from outside enters here."""
        return self.source == GATEWAY


@dataclass(frozen=True, slots=True)
class WorkloadFault:
    """A fault that the proxy injects before a workload that cannot inject it itself."""

    workload: str
    delay_ms: int | None = None
    """Delay of every request."""
    abort_percent: float | None = None
    """Share of requests answered with 500 instead of reaching the workload, in percent."""


@dataclass(frozen=True, slots=True)
class ClusterKey:
    """The identity of an Envoy cluster: a destination as seen from one listener.

    Each listener has its own clusters so that Envoy's own statistics are per edge.
    """

    listener: str
    host: str
    port: int
    subset: str | None

    @property
    def name(self) -> str:
        """Envoy's name for it; none of the parts can contain the separator."""
        return f"{self.listener}|{self.port}|{self.subset or ''}|{self.host}"

    @property
    def file(self) -> str:
        """The file that holds its endpoints."""
        return file_name("eds", self.name)


def file_name(kind: str, name: str) -> str:
    """The file for something of that name, in which the end of a long name is replaced by its digest."""
    # Windows does not allow `|` in file names.
    text = name.replace("|", "~")
    if len(text) > LONGEST_IN_FILE_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
        text = f"{text[: LONGEST_IN_FILE_NAME - _DIGEST - 1]}~{digest}"
    return f"{kind}-{text}.json"


def duration(milliseconds: int) -> str:
    """Protobuf's JSON form of a duration."""
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}s"


def fractional_percent(percent: float) -> Resource:
    """Envoy's FractionalPercent, fine enough for a hundredth of a percent and less."""
    return {"numerator": round(percent * 10_000), "denominator": "MILLION"}


def file_source(path: str) -> Resource:
    """A configuration source that is one watched file."""
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}


def typed(type_name: str, **fields: Any) -> Resource:
    """A protobuf Any in JSON form."""
    return {"@type": f"type.googleapis.com/{type_name}", **fields}
