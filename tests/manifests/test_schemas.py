import copy
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types

from tests.manifests import schema
from tests.manifests.documents import Document, of_kind, shipped


@pytest.mark.parametrize("document", shipped(), ids=lambda document: document.label)
def test_every_field_of_every_document_is_known_and_of_its_type(document: Document) -> None:
    assert schema.problems(document.body) == []


@pytest.mark.parametrize("file", schema.schema_files())
def test_the_schemas_are_schemas(file: str) -> None:
    Draft202012Validator.check_schema(schema._contents()[file])


def _first(kind: str, name: str) -> dict[str, Any]:
    (document,) = (found for found in of_kind(kind, shipped()) if found.name == name)
    return copy.deepcopy(document.body)


def _set(body: dict[str, Any], path: tuple[str | int, ...], value: object) -> None:
    target: Any = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value


_CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "complaint"),
    [
        ("VirtualService", "recommendations", ("spec", "http", 2, "route", 0, "weightt"), 50, "weightt"),
        ("VirtualService", "recommendations", ("spec", "http", 2, "route", 0, "weight"), "50", "'50'"),
        ("VirtualService", "recommendations", ("spec", "http", 2, "route", 0, "weight"), 101, "101"),
        (
            "VirtualService",
            "recommendations",
            ("spec", "http", 0, "match", 0, "headers"),
            {"X-Up": {}},
            "X-Up",
        ),
        ("VirtualService", "payments", ("spec", "http", 0, "timeout"), 2, "2 is not of type"),
        ("VirtualService", "payments", ("spec", "http", 0, "timeout"), "2 s", "2 s"),
        ("VirtualService", "payments", ("spec", "http", 0, "retries"), {"retryOn": "reset"}, "attempts"),
        (
            "DestinationRule",
            "orders",
            ("spec", "trafficPolicy", "loadBalancer", "simple"),
            "LEAST_CONN",
            "CONN",
        ),
        (
            "DestinationRule",
            "orders",
            ("spec", "trafficPolicy", "outlierDetection", "consecutiveErrors"),
            5,
            "Err",
        ),
        ("Gateway", "marskit", ("spec", "servers", 0, "port", "number"), 80000, "80000"),
        ("Deployment", "orders", ("spec", "replicas"), "2", "'2'"),
        ("Deployment", "orders", (*_CONTAINER, "imagePullPolice"), "Always", "imagePullPolice"),
        ("Deployment", "orders", (*_CONTAINER, "env", 0, "value"), 8080, "8080"),
        ("Deployment", "orders", (*_CONTAINER, "securityContext", "allowPrivilegeEscalation"), True, "True"),
        (
            "Deployment",
            "orders",
            ("spec", "template", "spec", "securityContext", "runAsUser"),
            1000,
            "runAsUser",
        ),
        ("Service", "orders", ("spec", "ports", 0, "port"), True, "True"),
        ("Role", "marskit-controller", ("rules", 0, "verbs"), ["*"], "*"),
        ("Route", "marskit", ("spec", "to", "name"), "Not A Name", "Not A Name"),
        ("ServiceMeshMember", "default", ("spec", "controlPlaneRef", "nameOf"), "basic", "nameOf"),
        ("Namespace", "marskit-demo", ("metadata", "annotations"), {"a b": "c"}, "a b"),
        ("Namespace", "marskit-demo", ("apiVersion",), "v2/beta", "no schema for v2/beta Namespace"),
    ],
)
def test_a_wrong_field_is_found(
    kind: str, name: str, path: tuple[str | int, ...], value: object, complaint: str
) -> None:
    body = _first(kind, name)
    _set(body, path, value)
    assert complaint in "\n".join(schema.problems(body))
