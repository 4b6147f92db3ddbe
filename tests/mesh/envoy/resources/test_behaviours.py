"""Istio's HTTP behaviours, written from its API reference as YAML, as a real Envoy shows them."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from marskit.mesh.manifests.graph import calls
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from tests.mesh.envoy.resources.bench import Answer, Bench, exchange, running_bench, wait_for

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("envoy-resources")]

FOLDER = Path(__file__).with_name("behaviours")
BACKENDS = ("shop-food", "shop-music", "shop-music#2", "till")
TOPICS = ("matches", "changes", "traffic", "entrances", "refused")
MOST_REFUSED = 6
FEWEST_SERVED = 54

Behaviour = Mapping[str, Any]

ISTIO = {"apiVersion": "networking.istio.io/v1"}
GATE = {
    "kind": "Gateway",
    "metadata": {"name": "gate"},
    "spec": {"servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]},
}
SUBSETS = [{"name": name, "labels": {"version": name}} for name in ("food", "music")]


def read(topic: str) -> list[Behaviour]:
    found: list[Behaviour] = yaml.safe_load((FOLDER / f"{topic}.yaml").read_text(encoding="utf-8"))
    return found


BEHAVIOURS = [behaviour for topic in TOPICS for behaviour in read(topic)]
SERVED = [pytest.param(each, id=each["name"]) for each in BEHAVIOURS if "refused" not in each]
REFUSED = [pytest.param(each, id=each["name"]) for each in BEHAVIOURS if "refused" in each]


def virtual_service(name: str, spec: Mapping[str, Any]) -> Behaviour:
    return {"kind": "VirtualService", "metadata": {"name": name}, "spec": spec}


def loaded(behaviour: Behaviour, folder: Path) -> MeshConfig:
    """The base with a behaviour's objects; `http`, `mesh` and `rule` stand for the usual ones around them."""
    objects = [*behaviour.get("objects", ())]
    if "http" in behaviour:
        spec = {"hosts": ["*"], "gateways": ["gate"], "http": behaviour["http"]}
        objects.append(virtual_service("outside", spec))
    if "mesh" in behaviour:
        objects.append(virtual_service("inside", {"hosts": ["shop"], "http": behaviour["mesh"]}))
    if all(each["kind"] != "Gateway" for each in objects):
        objects.append(GATE)
    rule = {"host": "shop", "subsets": SUBSETS, **behaviour.get("rule", {})}
    objects.append({"kind": "DestinationRule", "metadata": {"name": "shop"}, "spec": rule})
    file = folder / "behaviour.yaml"
    file.write_text(yaml.safe_dump_all([ISTIO | each for each in objects]), encoding="utf-8")
    return load_mesh([FOLDER / "base.yaml", file])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    config = loaded({}, tmp_path_factory.mktemp("base"))
    with running_bench(tmp_path_factory.mktemp("envoy"), config, BACKENDS, calls(config)) as running:
        yield running


@pytest.mark.parametrize("behaviour", SERVED)
def test_behaves_as_istio_does(behaviour: Behaviour, base: Bench, tmp_path: Path) -> None:
    config = loaded(behaviour, tmp_path)
    if behaviour.get("own"):
        folder = tmp_path / "envoy"
        folder.mkdir()
        with running_bench(folder, config, BACKENDS, calls(config)) as bench:
            for request in behaviour["requests"]:
                observe(request, bench)
        return
    base.apply(config)
    for request in behaviour["requests"]:
        observe(request, base)


@pytest.mark.parametrize("behaviour", REFUSED)
def test_is_refused_by_name(behaviour: Behaviour, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        loaded(behaviour, tmp_path)
    assert behaviour["refused"] in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "behaviour.yaml"))


def test_enough_are_served() -> None:
    assert len({each["name"] for each in BEHAVIOURS}) == len(BEHAVIOURS)
    assert len(SERVED) >= FEWEST_SERVED
    assert len(REFUSED) <= MOST_REFUSED


def observe(request: Mapping[str, Any], bench: Bench) -> None:
    """Make the requests and hold what came back against what is expected."""
    listener = request.get("at", "ingress")
    path, method, headers = request.get("path", "/"), request.get("method", "GET"), request.get("headers", {})
    if request.get("until"):
        wait_for(
            lambda: bench.request(path, listener=listener, headers=headers).status == request["status"],
            f"status {request['status']}",
        )
    begin_s = time.monotonic()
    with bench.connection(listener) as connection:
        answers = [
            exchange(connection, path, method=method, headers=headers) for _ in range(request.get("times", 1))
        ]
    took_ms = (time.monotonic() - begin_s) * 1000
    # Envoy's timers count from when its event loop last woke up, a little before the request came.
    assert request.get("at_least_ms", 0) - 5 <= took_ms <= request.get("within_ms", float("inf"))
    if "shares" in request:
        check_shares(request["shares"], Counter(workload_of(answer) for answer in answers))
    elif "statuses" in request:
        check_shares(request["statuses"], Counter(answer.status for answer in answers))
    else:
        for answer in answers:
            check(request, answer, bench.ports[listener])
    if request.get("same"):
        assert len({answer.backend for answer in answers}) == 1
    for workload, seen in request.get("mirrored", {}).items():
        check_mirrored(bench, workload, path, seen)


def check(request: Mapping[str, Any], answer: Answer, port: int) -> None:
    assert answer.status == request.get("status", 200), answer
    if "by" in request:
        assert workload_of(answer) == request["by"], answer
    if "body" in request:
        assert answer.body == request["body"]
    if "sees" in request:
        assert answer.sent["path"] == request["sees"]
    for name, value in request.get("sees_headers", {}).items():
        assert answer.sent["headers"].get(name) == value, name
    for name, value in request.get("gets", {}).items():
        wanted = value.replace("{port}", str(port)) if value else value
        assert (name in answer.headers) if wanted == "*" else answer.headers.get(name) == wanted, answer


def check_shares(wanted: Mapping[Any, tuple[float, float]], found: Counter[Any]) -> None:
    assert set(found) <= set(wanted)
    for key, (least, most) in wanted.items():
        assert least <= 100 * found[key] / found.total() <= most, found


def check_mirrored(bench: Bench, workload: str, path: str, seen: str | None) -> None:
    if seen is None:
        assert all(each["path"] != path for each in bench.seen_by(workload))
    else:
        wait_for(
            lambda: any(each["path"] == seen for each in bench.seen_by(workload)), f"{seen} at {workload}"
        )


def workload_of(answer: Answer) -> str | None:
    """Replicas of one workload differ by what follows a `#`."""
    return answer.backend.partition("#")[0] if answer.backend else None
