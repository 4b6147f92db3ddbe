"""What the real kubectl makes of the manifests; it needs no cluster for this."""

import json
from typing import Any

import pytest
import yaml

from tests.manifests import schema
from tests.manifests.documents import K8S, OVERLAYS, SERVICE_MESH, base, of_kind, parse, shipped
from tests.manifests.kubectl import (
    ISTIO,
    OPENSHIFT,
    SERVICE_MESH_2,
    Resources,
    api_server,
    kubectl,
    needs_kubectl,
    render,
)

pytestmark = needs_kubectl
each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
_SERVED: dict[str, Resources] = {
    "istio": ISTIO,
    "openshift": ISTIO | OPENSHIFT,
    "openshift-service-mesh-2": SERVICE_MESH_2 | OPENSHIFT,
}


def _by_name(documents: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(document.kind, document.name): document.body for document in documents}


def test_the_base_means_the_same_as_rendered() -> None:
    rendered = parse(render(K8S / "base"), "base") + parse(render(SERVICE_MESH), "service-mesh")
    assert _by_name(rendered) == _by_name(base())


@each_overlay
def test_an_overlay_renders_to_valid_documents(overlay: str) -> None:
    documents = parse(render(K8S / "overlays" / overlay), overlay)
    assert {document.label: schema.problems(document.body) for document in documents} == {
        document.label: [] for document in documents
    }
    assert {name for _, name in _by_name(base())} <= {document.name for document in documents}


def test_plain_istio_gets_the_base_unchanged() -> None:
    rendered = _by_name(parse(render(K8S / "overlays" / "istio"), "istio"))
    assert {key: rendered[key] for key in _by_name(base())} == _by_name(base())
    assert {kind for kind, _ in rendered.keys() - _by_name(base()).keys()} == {
        "ServiceAccount",
        "Role",
        "RoleBinding",
    }


def test_openshift_adds_a_gateway_that_the_route_and_the_gateway_object_find() -> None:
    documents = parse(render(K8S / "overlays" / "openshift"), "openshift")
    (route,) = of_kind("Route", documents)
    (service,) = (
        found for found in of_kind("Service", documents) if found.name == route.body["spec"]["to"]["name"]
    )
    (gateway,) = of_kind("Gateway", documents)
    assert route.body["spec"]["port"]["targetPort"] in {
        port["name"] for port in service.body["spec"]["ports"]
    }
    # Istio finds the proxy's port through the Service that has the Gateway's port.
    served = {port["port"] for port in service.body["spec"]["ports"]}
    assert {server["port"]["number"] for server in gateway.body["spec"]["servers"]} <= served
    selector = gateway.body["spec"]["selector"].items()
    pods = [
        found.body["spec"]["template"]["metadata"]["labels"] for found in of_kind("Deployment", documents)
    ]
    assert sum(selector <= labels.items() for labels in pods) == 1
    assert selector == service.body["spec"]["selector"].items()


def test_service_mesh_2_gets_what_it_understands() -> None:
    documents = parse(render(K8S / "overlays" / "openshift-service-mesh-2"), "openshift-service-mesh-2")
    istio = {
        document.body["apiVersion"]
        for document in documents
        if "networking.istio.io" in document.body["apiVersion"]
    }
    assert istio == {"networking.istio.io/v1beta1"}
    (namespace,) = of_kind("Namespace", documents)
    assert "istio-injection" not in namespace.body["metadata"]["labels"]
    for deployment in of_kind("Deployment", documents):
        annotations = deployment.body["spec"]["template"]["metadata"]["annotations"]
        assert annotations["sidecar.istio.io/inject"] == "true"
    assert len(of_kind("ServiceMeshMember", documents)) == 1


@each_overlay
def test_apply_with_a_client_side_dry_run_takes_everything(overlay: str) -> None:
    rendered = render(K8S / "overlays" / overlay)
    with api_server(_SERVED[overlay]) as (url, writes):
        result = kubectl(
            "apply",
            "--server",
            url,
            "--dry-run=client",
            "--validate=false",
            "--filename",
            "-",
            stdin=rendered,
        )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert all(line.endswith("created (dry run)") for line in lines)
    assert len(lines) == len(parse(rendered, overlay))
    assert writes == []


def test_a_kind_that_the_cluster_does_not_have_is_named() -> None:
    with api_server({}) as (url, _):
        result = kubectl(
            "apply",
            "--server",
            url,
            "--dry-run=client",
            "--validate=false",
            "--filename",
            str(SERVICE_MESH / "gateway.yaml"),
        )
    assert result.returncode != 0
    assert 'no matches for kind "Gateway" in version "networking.istio.io/v1"' in result.stderr


def _through_the_official_types(deployment: dict[str, Any]) -> dict[str, Any]:
    # `set` decodes into the types that are compiled into kubectl: what they do not know is gone afterwards.
    account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    result = kubectl(
        "set", "serviceaccount", "--local", "-f", "-", account, "-o", "json", stdin=yaml.safe_dump(deployment)
    )
    assert result.returncode == 0, result.stderr
    decoded: dict[str, Any] = json.loads(result.stdout)
    return decoded


def _lost(before: Any, after: Any, at: str = "") -> list[str]:
    if isinstance(before, dict):
        return [
            problem
            for key, value in before.items()
            for problem in (
                _lost(value, after[key], f"{at}.{key}") if key in after else [f"{at}.{key} is gone"]
            )
        ]
    if isinstance(before, list):
        if len(before) != len(after):
            return [f"{at} has {len(after)} entries"]
        return [
            problem
            for index, value in enumerate(before)
            for problem in _lost(value, after[index], f"{at}[{index}]")
        ]
    return [] if before == after else [f"{at}: {before!r} became {after!r}"]


@pytest.mark.parametrize(
    "deployment", of_kind("Deployment", shipped()), ids=lambda deployment: deployment.label
)
def test_kubernetes_own_types_know_every_field_of_a_deployment(deployment: Any) -> None:
    assert _lost(deployment.body, _through_the_official_types(deployment.body)) == []


def test_a_field_that_kubernetes_does_not_know_would_be_lost() -> None:
    (deployment,) = (found for found in of_kind("Deployment", base()) if found.name == "orders")
    deployment.body["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSecond"] = 3
    assert _lost(deployment.body, _through_the_official_types(deployment.body)) == [
        ".spec.template.spec.containers[0].livenessProbe.periodSecond is gone"
    ]
