"""Deployments, Services and identities: what a schema cannot say."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.documents import K8S, NAMESPACE, Document, base, of_kind, parse, shipped
from tests.paths import ROOT

DEPLOYMENTS = of_kind("Deployment", base())
SERVICES = of_kind("Service", base())
by_label = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment.name)


def _pod(deployment: Document) -> dict[str, Any]:
    pod: dict[str, Any] = deployment.body["spec"]["template"]
    return pod


def _container(deployment: Document) -> dict[str, Any]:
    (container,) = _pod(deployment)["spec"]["containers"]
    return dict(container)


def _env(deployment: Document) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in _container(deployment)["env"]}


def test_the_demo_has_these_workloads_and_services() -> None:
    assert {deployment.name for deployment in DEPLOYMENTS} == {
        "orders",
        "payments",
        "recommendations-food",
        "recommendations-music",
    }
    assert {service.name for service in SERVICES} == {"orders", "payments", "recommendations"}


@by_label
def test_a_deployment_selects_its_own_pods_and_no_others(deployment: Document) -> None:
    selector = deployment.body["spec"]["selector"]["matchLabels"].items()
    selected = [other.name for other in DEPLOYMENTS if selector <= _pod(other)["metadata"]["labels"].items()]
    assert selected == [deployment.name]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_finds_pods_that_have_its_target_port(service: Document) -> None:
    selector = service.body["spec"]["selector"].items()
    selected = [found for found in DEPLOYMENTS if selector <= _pod(found)["metadata"]["labels"].items()]
    assert selected, f"{service.name} selects nothing"
    for deployment in selected:
        ports = _container(deployment)["ports"]
        offered = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
        assert {port["targetPort"] for port in service.body["spec"]["ports"]} <= offered


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_listens_where_the_apps_look_for_it_and_states_its_goal(service: Document) -> None:
    assert [(port["name"], port["port"]) for port in service.body["spec"]["ports"]] == [("http", 8080)]
    goal = service.body["metadata"]["annotations"]
    assert float(goal["marskit.dev/slo-latency-p95-ms"]) > 0
    assert 0 < float(goal["marskit.dev/slo-availability-percent"]) <= 100


@by_label
def test_probes_ask_a_port_that_exists(deployment: Document) -> None:
    container = _container(deployment)
    names = {port["name"] for port in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in names
    # Liveness must not depend on what readiness does: a busy replica is not a dead one.
    assert container["livenessProbe"]["httpGet"]["path"] != container["readinessProbe"]["httpGet"]["path"]


@by_label
def test_the_process_has_time_to_drain(deployment: Document) -> None:
    grace_ms = _pod(deployment)["spec"]["terminationGracePeriodSeconds"] * 1000
    assert int(_env(deployment)["DRAIN_TIMEOUT_MS"]) < grace_ms


@by_label
def test_the_port_is_the_same_for_pod_process_and_scraper(deployment: Document) -> None:
    (port,) = _container(deployment)["ports"]
    annotations = _pod(deployment)["metadata"]["annotations"]
    assert str(port["containerPort"]) == _env(deployment)["PORT"] == annotations["prometheus.io/port"]


@by_label
def test_the_identity_exists_and_gives_no_access_to_the_api(deployment: Document) -> None:
    pod = _pod(deployment)["spec"]
    (account,) = (
        found for found in of_kind("ServiceAccount", base()) if found.name == pod["serviceAccountName"]
    )
    assert account.body["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is False


@by_label
def test_labels_and_environment_agree(deployment: Document) -> None:
    labels, env = _pod(deployment)["metadata"]["labels"], _env(deployment)
    assert labels["app"] == env["SERVICE_NAME"] == _container(deployment)["name"]
    assert labels["version"] == env["SERVICE_VERSION"]
    if labels["app"] == "recommendations":
        assert env["VARIANT"] == labels["version"]


@by_label
def test_the_apps_are_told_hosts_that_exist(deployment: Document) -> None:
    hosts = {f"http://{service.name}:8080" for service in SERVICES}
    assert {value for name, value in _env(deployment).items() if name.endswith("_URL")} <= hosts


@by_label
def test_the_local_run_is_described(deployment: Document) -> None:
    annotations = _pod(deployment)["metadata"]["annotations"]
    program, script, *rest = json.loads(annotations["marskit.dev/command"])
    assert (program, rest) == ("node", [])
    assert script == f"{_env(deployment)['SERVICE_NAME']}/server.js"
    assert annotations["marskit.dev/directory"] == "src"
    assert annotations["marskit.dev/packages"] == "npm"
    overrides = json.loads(annotations["marskit.dev/env"])
    assert all(isinstance(value, str) for value in overrides.values())
    assert overrides["HOST"] == "127.0.0.1"
    assert set(overrides) <= set(_env(deployment)), (
        "an override of a variable that the container does not have"
    )
    assert annotations["marskit.dev/port-env"] in _env(deployment)
    assert annotations["marskit.dev/chaos-path"] == "/chaos"


@by_label
def test_the_local_command_can_be_found(deployment: Document) -> None:
    annotations = _pod(deployment)["metadata"]["annotations"]
    _, script = json.loads(annotations["marskit.dev/command"])
    assert (ROOT / annotations["marskit.dev/directory"] / script).is_file()


@by_label
def test_replicas_start_within_their_bounds(deployment: Document) -> None:
    bounds = deployment.body["metadata"]["annotations"]
    low, high = int(bounds["marskit.dev/min-replicas"]), int(bounds["marskit.dev/max-replicas"])
    assert 1 <= low <= deployment.body["spec"]["replicas"] <= high


@pytest.mark.parametrize(
    "deployment", of_kind("Deployment", shipped()), ids=lambda deployment: deployment.label
)
def test_images_name_a_version(deployment: Document) -> None:
    image = _container(deployment)["image"]
    if deployment.name == "istio-ingressgateway":
        # Istio's word for `the proxy of this control plane`.
        assert image == "auto"
    else:
        _, colon, tag = image.rpartition(":")
        assert colon, f"{image} names no version"
        assert tag != "latest"


@pytest.mark.parametrize(
    "document",
    [document for document in shipped() if document.kind != "Kustomization"],
    ids=lambda document: document.label,
)
def test_everything_is_in_the_namespace_and_carries_the_label_that_teardown_uses(document: Document) -> None:
    metadata = document.body["metadata"]
    assert (metadata["name"] if document.kind == "Namespace" else metadata["namespace"]) == NAMESPACE
    assert metadata["labels"]["app.kubernetes.io/part-of"] == "marskit"


def test_no_two_documents_are_the_same_object() -> None:
    names = [(document.kind, document.name) for document in shipped() if document.kind != "Kustomization"]
    assert len(names) == len(set(names))


def test_the_controller_may_do_what_its_actions_need_and_no_more() -> None:
    (role,) = of_kind("Role", shipped())
    look = {"get", "list", "watch"}
    allowed = {
        (group, resource): set(rule["verbs"])
        for rule in role.body["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert allowed == {
        ("", "pods"): look,
        ("", "services"): look,
        ("", "endpoints"): look,
        ("discovery.k8s.io", "endpointslices"): look,
        ("apps", "deployments"): look,
        ("apps", "replicasets"): look,
        ("apps", "deployments/scale"): {"get", "patch"},
        ("autoscaling", "horizontalpodautoscalers"): {"get", "list"},
        ("networking.istio.io", "virtualservices"): look | {"patch"},
        ("networking.istio.io", "destinationrules"): look | {"patch"},
        ("networking.istio.io", "gateways"): look,
    }


def test_the_role_is_bound_to_the_controller_alone() -> None:
    (binding,) = of_kind("RoleBinding", shipped())
    (role,) = of_kind("Role", shipped())
    assert binding.body["roleRef"]["name"] == role.name
    (subject,) = binding.body["subjects"]
    accounts = [(found.name, NAMESPACE) for found in of_kind("ServiceAccount", shipped())]
    assert (subject["name"], subject["namespace"]) in accounts


def _kustomizations() -> list[Path]:
    return sorted(
        file for folder in (K8S, ROOT / "service-mesh") for file in folder.rglob("kustomization.yaml")
    )


@pytest.mark.parametrize("file", _kustomizations(), ids=lambda file: str(file.parent.relative_to(ROOT)))
def test_a_kustomization_lists_every_file_of_its_folder_and_nothing_that_is_missing(file: Path) -> None:
    (document,) = parse(file.read_text(), str(file))
    listed = [(file.parent / resource).resolve() for resource in document.body["resources"]]
    assert len(listed) == len(set(listed))
    assert [path for path in listed if not path.exists()] == []
    beside = {path.resolve() for path in file.parent.glob("*.yaml")} - {file.resolve()}
    assert beside == {path for path in listed if path.is_file()}
    assert all((path / "kustomization.yaml").is_file() for path in listed if path.is_dir())
