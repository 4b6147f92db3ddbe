"""Hosts are names of DNS without a port, with a star only at the front."""

from pathlib import Path

import pytest

from tests.mesh.manifests.desk import told, told_of

GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: side}
spec:
  servers: [{port: {number: 81, name: http, protocol: HTTP}, hosts: ["%s"]}]
"""
SERVICE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: entry}
spec:
  hosts: ["%s"]
  gateways: [door]
  http: [{route: [{destination: {host: desk}}]}]
"""
RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: desk}
spec: {host: "%s"}
"""
HOSTS = [
    "shop.example.test",
    "*.example.test",
    "*",
    "*-a.example.test",
    "Shop.Example.Test",
    "desk",
    "a.test.",
]
WRONG = [
    *(
        "shop.example.test:80",
        "desk:7000",
        "http://desk",
        "desk/",
        "a b",
        "a_b",
        "-a.test",
        "a-.test",
        "a..test",
    ),
    *(
        "a.*.test",
        "a*.test",
        "**",
        "a.*",
        ".test",
        "a.test.80",
        f"{'a' * 64}.test",
        ".".join(["a" * 60] * 5),
        "ä.test",
    ),
]


@pytest.mark.parametrize("host", HOSTS)
def test_hosts(host: str, tmp_path: Path) -> None:
    assert told_of(tmp_path, SERVICE % host) == []
    assert told_of(tmp_path, GATEWAY % host) == []
    assert told_of(tmp_path, GATEWAY % f"default/{host}") == []
    assert told_of(tmp_path, RULE % host) == []


@pytest.mark.parametrize("host", WRONG)
def test_what_is_no_host_is_refused_by_field(host: str, tmp_path: Path) -> None:
    for text, field in (
        (SERVICE, "spec.hosts[0]"),
        (GATEWAY, "spec.servers[0].hosts[0]"),
        (RULE, "spec.host"),
    ):
        (sentence,) = told_of(tmp_path, text % host)
        assert sentence.startswith(f"{field} is ")
        assert "must be a host name without a port" in sentence


@pytest.mark.parametrize("host", ["desk:7000", "http://desk", "*"])
@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ('route: [{destination: {host: "%s"}}]', "route[0].destination"),
        ('route: [{destination: {host: desk}}]\n      mirror: {host: "%s"}', "mirror"),
        (
            'route: [{destination: {host: desk}}]\n      mirrors: [{destination: {host: "%s"}}]',
            "mirrors[0].destination",
        ),
    ],
)
def test_destinations_and_mirrors_are_hosts(host: str, rule: str, field: str, tmp_path: Path) -> None:
    (sentence,) = told(tmp_path, rule % host)
    assert sentence.startswith(f'spec.http[0].{field}.host is "{host}"')


@pytest.mark.parametrize("host", ["a/b/c.test", "/c.test", "a/", "A_/c.test", "a/c.test:80"])
def test_a_namespace_before_a_host_is_one_label(host: str, tmp_path: Path) -> None:
    (sentence,) = told_of(tmp_path, GATEWAY % host)
    assert "or a namespace, a slash and such a host" in sentence


def test_an_address_can_be_a_host(tmp_path: Path) -> None:
    assert told_of(tmp_path, SERVICE % "127.0.0.1") == []
    assert told_of(tmp_path, SERVICE % "::1") == []
