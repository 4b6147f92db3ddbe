"""Istio's own refusals, and fields that it takes and that do nothing here."""

from pathlib import Path

import pytest

from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.manifests.shop import changed, marked_line

HOSTS = "  hosts: [cart]\n"
LAST = "      timeout: 1500ms\n"
NO_RETRY = "is not allowed where attempts is 0 or missing: Istio refuses settings of no retry"
TOGETHER = "Istio refuses the two together"

REFUSED = {
    "a host twice": (HOSTS, "  hosts: [cart, cart]  # HERE\n", "hosts[1] is cart, which cart covers too;"),
    "a host and a wildcard over it": (
        HOSTS,
        '  hosts: ["*.a.test", b.a.test]  # HERE\n',
        "hosts[1] is b.a.test, which *.a.test covers too;",
    ),
    "settings of no retry": (
        "        attempts: 2\n        perTryTimeout: 700ms\n",
        "        attempts: 0\n        perTryTimeout: 700ms  # HERE\n#",
        f"retries.perTryTimeout {NO_RETRY}",
    ),
    "a retry without attempts": (
        "        attempts: 2\n        perTryTimeout: 700ms\n",
        "        perTryTimeout: 700ms  # HERE\n#",
        f"retries.perTryTimeout {NO_RETRY}",
    ),
    "the authority twice": (
        LAST,
        LAST + "      rewrite: {authority: a}\n      headers: {request: {set: {Host: b}}}  # HERE\n",
        "headers.request.set.Host sets the authority, which rewrite.authority sets already;",
    ),
    "an empty rewrite": (LAST, LAST + "      rewrite: {}  # HERE\n", "rewrite is empty, but must have uri,"),
    "a share too small": (
        LAST,
        LAST + "      fault: {abort: {httpStatus: 500, percentage: {value: 0.00001}}}  # HERE\n",
        "percentage.value is 1e-05, but must be 0 or a number from 0.0001 to 100",
    ),
    "an unknown gRPC status": (
        LAST,
        LAST + "      fault: {abort: {grpcStatus: LOST}}  # HERE\n",
        'abort.grpcStatus is "LOST", but must be one of OK, CANCELLED,',
    ),
    "two statuses": (
        LAST,
        LAST + "      fault: {abort: {httpStatus: 500, grpcStatus: OK}}  # HERE\n",
        "abort.grpcStatus is not allowed beside httpStatus",
    ),
    "an unknown method of CORS": (
        LAST,
        LAST + "      corsPolicy: {allowMethods: [get]}  # HERE\n",
        'corsPolicy.allowMethods[0] is "get", but must be one of CONNECT,',
    ),
    "a header of CORS that is none": (
        LAST,
        LAST + "      corsPolicy: {exposeHeaders: [a b]}  # HERE\n",
        'corsPolicy.exposeHeaders[0] is "a b", but must be the name of a header, or "*"',
    ),
    "part of a second": (
        LAST,
        LAST + "      corsPolicy: {maxAge: 1500ms}  # HERE\n",
        'corsPolicy.maxAge is "1500ms", but must be a duration in whole seconds',
    ),
    "two shares of a mirror": (
        LAST,
        LAST + "      mirror: {host: cart}\n      mirrorPercent: 1\n      mirror_percent: 2  # HERE\n",
        "mirror_percent is not allowed beside mirrorPercent",
    ),
    "a port name twice": (
        '      hosts: ["*"]\n',
        '      hosts: ["*"]\n    - {port: {number: 81, name: http, protocol: HTTP}, hosts: [a]}  # HERE\n',
        "servers[1].port.name is http, but an earlier server of the Gateway has a port of that name",
    ),
    "a host without a name": (
        '      hosts: ["*"]\n',
        "      hosts: [shop/]  # HERE\n",
        'is "shop/", but must be',
    ),
}

ANSWERS = {"redirect": "{uri: /x}", "directResponse": "{status: 200}"}


def said(file: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        load_mesh([file])
    return str(caught.value)


@pytest.mark.parametrize("case", REFUSED)
def test_what_istio_refuses_is_refused(case: str, tmp_path: Path) -> None:
    old, new, sentence = REFUSED[case]
    file = changed(tmp_path, old, new)
    complaint = said(file)
    assert complaint.startswith(f"{file}:{marked_line(file)}: ")
    assert sentence in complaint
    assert "\n" not in complaint


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("other", ["rewrite: {uri: /}", "fault: {delay: {fixedDelay: 1s}}"])
def test_an_answer_of_the_proxy_has_nothing_to_rewrite_or_to_break(
    answer: str, other: str, tmp_path: Path
) -> None:
    route = "      route:\n        - destination:\n            host: front\n      timeout: 2s\n"
    file = changed(tmp_path, route, f"      {answer}: {ANSWERS[answer]}\n      {other}  # HERE\n")
    name = other.partition(":")[0]
    assert said(file) == (
        f"{file}:{marked_line(file)}: VirtualService front: spec.http[0].{name} is not allowed beside"
        f" {answer}: {TOGETHER}"
    )


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_of_the_proxy_excludes_destinations(answer: str, tmp_path: Path) -> None:
    file = changed(tmp_path, "      timeout: 2s\n", f"      {answer}: {ANSWERS[answer]}  # HERE\n")
    complaint = said(file)
    assert f"spec.http[0].{answer} is not allowed beside route" in complaint
    assert complaint.startswith(f"{file}:{marked_line(file)}: ")


EFFECTLESS = {
    "statPrefix": (
        "        - uri:\n            prefix: /\n",
        "        - statPrefix: x  # HERE\n          uri:\n            prefix: /\n",
        "VirtualService front: statPrefix has no effect here: it only names statistics",
    ),
    "retryRemoteLocalities": (
        "        attempts: 2\n",
        "        attempts: 2\n        retryRemoteLocalities: true  # HERE\n",
        "VirtualService cart: retryRemoteLocalities has no effect here, where all replicas are in one place",
    ),
    "tcpKeepalive of a port": (
        "      maxEjectionPercent: 50\n",
        "      maxEjectionPercent: 50\n    portLevelSettings:\n      - port: {number: 8080}\n"
        "        connectionPool: {tcp: {tcpKeepalive: {time: 60s}}}  # HERE\n",
        "DestinationRule cart: tcpKeepalive has no effect on one machine",
    ),
    "localityLbSetting": (
        "      maxEjectionPercent: 50\n",
        "      maxEjectionPercent: 50\n    loadBalancer:\n      localityLbSetting: {enabled: true}  # HERE\n",
        "DestinationRule cart: localityLbSetting has no effect here, where all replicas are in one place",
    ),
    "bind": (
        '      hosts: ["*"]\n',
        '      hosts: ["*"]\n      bind: 0.0.0.0  # HERE\n',
        "Gateway door: bind has no effect here: every port is on the loopback interface",
    ),
    "a delay for nobody": (
        LAST,
        LAST + "      fault:\n        delay: {fixedDelay: 1s}  # HERE\n",
        "VirtualService cart: delay has no percentage above 0, so it hits no request, as in Istio",
    ),
    "an abort for nobody": (
        LAST,
        LAST + "      fault:\n        abort: {grpcStatus: ABORTED}  # HERE\n",
        "VirtualService cart: abort has no percentage above 0, so it hits no request, as in Istio",
    ),
    "a rule that is never reached": (
        LAST,
        LAST + "    - directResponse: {status: 200}  # HERE\n",
        "VirtualService cart: http[2] is never reached, because http[1] takes every request",
    ),
    "an export at a gateway": (
        "  gateways: [door]\n",
        "  gateways: [door]\n  exportTo: [shop]  # HERE\n",
        "VirtualService front: exportTo has no effect at a Gateway here, because the namespace of its pods is"
        " not known",
    ),
}


@pytest.mark.parametrize("case", EFFECTLESS)
def test_what_does_nothing_here_is_taken_with_a_notice(case: str, tmp_path: Path) -> None:
    old, new, sentence = EFFECTLESS[case]
    file = changed(tmp_path, old, new)
    assert f"{file}:{marked_line(file)}: {sentence}" in load_mesh([file]).notices


def test_virtual_services_that_no_caller_follows_both_may_share_a_host(tmp_path: Path) -> None:
    file = changed(tmp_path, HOSTS, HOSTS + "  exportTo: [shop]\n")
    other = tmp_path / "other.yaml"
    text = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: other, namespace: elsewhere}
spec:
  hosts: [cart.shop.svc.cluster.local]
  exportTo: %s
  http: [{route: [{destination: {host: cart.shop}}]}]
"""
    other.write_text(text % '["."]', encoding="utf-8")
    assert len(load_mesh([file, other]).virtual_services) == 3
    other.write_text(text % "[shop]", encoding="utf-8")
    with pytest.raises(ManifestError, match=r"is claimed by VirtualService cart in .* too"):
        load_mesh([file, other])
