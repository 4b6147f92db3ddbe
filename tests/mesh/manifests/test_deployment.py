"""Deployments: what is taken from them, what the mapping overrides and what is left out with a notice."""

import pytest
import yaml

from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.mapping import ImageMapping, LocalMapping, ReplicaMapping
from marskit.mesh.manifests.parse_deployment import ParsedDeployment, parse_deployment
from marskit.mesh.manifests.workloads import Deployment, LocalProcess, Probe

NOTHING = LocalMapping()


def parsed(
    container: str = "",
    *,
    pod: str = "",
    annotations: str = "",
    bounds: str = "",
    mapping: LocalMapping = NOTHING,
) -> ParsedDeployment:
    root = yaml.safe_load(f"""
metadata: {{name: orders, annotations: {{{bounds}}}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: orders}}}}
  template:
    metadata: {{labels: {{app: orders}}, annotations: {{{annotations}}}}}
    spec:
      containers: [{{name: main, image: "reg:5000/orders:1.0", {container}}}, {{name: side, image: side}}]
      {pod}
""")
    return parse_deployment(Field(root), "orders", "shop", mapping)


def deployment(
    container: str = "",
    *,
    pod: str = "",
    annotations: str = "",
    bounds: str = "",
    mapping: LocalMapping = NOTHING,
) -> Deployment:
    return parsed(container, pod=pod, annotations=annotations, bounds=bounds, mapping=mapping).deployment


def test_the_least_that_a_deployment_says() -> None:
    assert deployment() == Deployment(
        name="orders",
        namespace="shop",
        labels=(("app", "orders"),),
        replicas=2,
        image="reg:5000/orders:1.0",
        container_port=None,
        env=(),
        readiness=None,
        metrics_path=None,
        cpu_request_millis=None,
        termination_grace_s=30.0,
        min_replicas=1,
        max_replicas=10,
        local=None,
    )


def test_ports_resources_and_grace() -> None:
    found = deployment(
        "ports: [{name: web, containerPort: 80}, {name: adm, containerPort: 81}],"
        " resources: {requests: {cpu: 50m, memory: 1Gi}, limits: {cpu: 2}}",
        pod="terminationGracePeriodSeconds: 5",
    )
    assert (found.container_port, found.named_ports) == (80, (("web", 80), ("adm", 81)))
    assert (found.cpu_request_millis, found.termination_grace_s) == (50, 5.0)
    assert deployment("resources: {limits: {cpu: 0.5}}").cpu_request_millis == 500
    assert deployment("resources: {requests: {memory: 1Gi}}").cpu_request_millis is None


def test_variables_refer_to_earlier_ones() -> None:
    found = deployment(
        "env: [{name: A, value: '1'}, {name: B, value: '$(A)/$(C)/$$(A)'}, {name: C}, {name: A, value: '2'},"
        " {name: NS, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}]"
    )
    assert found.env == (("A", "2"), ("B", "1/$(C)/$(A)"), ("C", ""), ("NS", "shop"))


def test_a_variable_from_elsewhere_needs_a_local_value() -> None:
    secret = "env: [{name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}]"
    with pytest.raises(FieldError, match="give KEY a value"):
        deployment(secret)
    assert deployment(secret, annotations="""marskit.dev/env: '{"KEY": "x"}'""").env == ()
    mapping = LocalMapping(images=(("reg:5000/orders", ImageMapping(env=(("KEY", "y"),))),))
    assert deployment(secret, mapping=mapping).env == ()


def test_the_address_of_the_pod_is_that_of_this_machine() -> None:
    found = deployment("env: [{name: IP, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: status.podIP}}}]")
    assert found.env == (("IP", "127.0.0.1"),)


def test_the_name_of_the_pod_is_left_out_with_a_notice() -> None:
    found = parsed("env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]")
    assert found.deployment.env == ()
    assert "the variable POD (the pod's name) is not set on this machine" in found.notices


def test_readiness() -> None:
    ports = "ports: [{name: web, containerPort: 80}]"
    get = "httpGet: {path: /ready, port: web}"
    assert deployment(f"{ports}, readinessProbe: {{{get}, periodSeconds: 2}}").readiness == Probe(
        "/ready", 2000
    )
    assert deployment(f"{ports}, readinessProbe: {{{get}}}").readiness == Probe("/ready", 10_000)
    assert deployment(f"{ports}, readinessProbe: {{httpGet: {{port: 80}}}}").readiness == Probe("/")
    tcp = parsed(f"{ports}, readinessProbe: {{tcpSocket: {{port: 80}}}}")
    assert (tcp.deployment.readiness, len(tcp.notices)) == (Probe(None), 1)
    other = parsed(f"{ports}, readinessProbe: {{httpGet: {{port: 81}}}}")
    assert other.deployment.readiness is None
    assert (
        "the readiness probe of port 81 is not used on this machine; an open port counts as ready"
        in other.notices
    )
    by_exec = parsed("readinessProbe: {exec: {command: [x]}}")
    assert (
        "the readiness probe by exec is not used on this machine; an open port counts as ready"
        in by_exec.notices
    )


@pytest.mark.parametrize("kind", ["liveness", "readiness", "startup"])
def test_probes_have_all_numbers_or_the_defaults_of_kubernetes(kind: str) -> None:
    written = """{httpGet: {path: /p, port: 80, httpHeaders: [{name: x-a, value: "1"}]}, successThreshold: 1,
        initialDelaySeconds: 4, periodSeconds: 5, timeoutSeconds: 6, failureThreshold: 7}"""
    found = getattr(deployment(f"ports: [{{containerPort: 80}}], {kind}Probe: {written}"), kind)
    assert found == Probe("/p", 5000, 6000, 7, 1, 4000, headers=(("x-a", "1"),))
    counts = (
        "periodSeconds",
        "timeoutSeconds",
        "failureThreshold",
        "successThreshold",
        "initialDelaySeconds",
    )
    zeros = ", ".join(f"{name}: 0" for name in counts)
    assert getattr(deployment(f"{kind}Probe: {{tcpSocket: {{port: 80}}, {zeros}}}"), kind) == Probe(
        None, 10_000, 1000, 3, 1, 0
    )


def test_only_readiness_may_need_several_successes_and_has_no_grace_period() -> None:
    get = "httpGet: {port: 80}"
    readiness = deployment(f"readinessProbe: {{{get}, successThreshold: 3}}").readiness
    assert readiness is not None
    assert readiness.successes == 3
    liveness = deployment(f"livenessProbe: {{{get}, terminationGracePeriodSeconds: 3}}").liveness
    assert liveness is not None
    assert liveness.grace_ms == 3000
    for wrong in (
        f"livenessProbe: {{{get}, successThreshold: 2}}",
        f"startupProbe: {{{get}, successThreshold: 2}}",
        f"readinessProbe: {{{get}, terminationGracePeriodSeconds: 3}}",
        f"livenessProbe: {{{get}, terminationGracePeriodSeconds: 0}}",
        f"livenessProbe: {{{get}, periodSeconds: 1.5}}",
        f"livenessProbe: {{{get}, periodSeconds: '5'}}",
        f"livenessProbe: {{{get}, timeoutSeconds: -1}}",
        f"livenessProbe: {{{get}, failureThreshold: 2147483648}}",
        f"livenessProbe: {{{get}, tcpSocket: {{port: 80}}}}",
        "livenessProbe: {periodSeconds: 5}",
        "livenessProbe: {tcpSocket: {}}",
        "livenessProbe: {exec: {command: [x]}, periodSeconds: often}",
        "startupProbe: {httpGet: {port: 80, httpHeaders: [{value: a}]}}",
    ):
        with pytest.raises(FieldError):
            deployment(wrong)


@pytest.mark.parametrize(
    ("probe", "sentence"),
    [
        ("livenessProbe: {exec: {command: [x]}}", "the liveness probe by exec"),
        ("startupProbe: {grpc: {port: 80}}", "the startup probe by grpc"),
        ("livenessProbe: {tcpSocket: {port: 81}}", "the liveness probe of port 81"),
        ("startupProbe: {httpGet: {port: admin}}", "the startup probe of port admin"),
        ("livenessProbe: {httpGet: {port: 80, host: elsewhere}}", "the liveness probe of another host"),
    ],
)
def test_a_probe_that_cannot_be_made_here_is_told(probe: str, sentence: str) -> None:
    found = parsed(f"ports: [{{containerPort: 80}}], {probe}")
    assert (found.deployment.liveness, found.deployment.startup) == (None, None)
    assert any(notice.startswith(f"{sentence} is not used on this machine; ") for notice in found.notices)


def test_prometheus_annotations() -> None:
    scrape = 'prometheus.io/scrape: "true"'
    assert deployment(annotations=scrape).metrics_path == "/metrics"
    assert deployment(annotations=f"{scrape}, prometheus.io/path: /m").metrics_path == "/m"
    assert deployment(annotations='prometheus.io/scrape: "false"').metrics_path is None


def test_the_local_process() -> None:
    found = deployment(
        annotations="""marskit.dev/command: '["node", "a.js"]', marskit.dev/port-env: PORT,
            marskit.dev/env: '{"A": "1"}', marskit.dev/directory: src, marskit.dev/chaos-path: /chaos,
            marskit.dev/packages: npm"""
    )
    assert found.local == LocalProcess(("node", "a.js"), "PORT", (("A", "1"),), "src", "/chaos", "npm")


def test_the_mapping_wins_over_annotations() -> None:
    image = ImageMapping(("python", "{port}"), None, (("A", "2"), ("B", "3")), "app", "/r", "/m", "npm")
    mapping = LocalMapping(
        images=(("reg:5000/orders:1.0", image),), deployments=(("orders", ReplicaMapping(0, 4)),)
    )
    found = deployment(
        annotations="""marskit.dev/command: '["node", "a.js"]', marskit.dev/port-env: PORT,
            marskit.dev/env: '{"A": "1"}', marskit.dev/directory: src, marskit.dev/chaos-path: /chaos""",
        bounds='marskit.dev/min-replicas: "2"',
        mapping=mapping,
    )
    assert found.local == LocalProcess(
        ("python", "{port}"), "PORT", (("A", "2"), ("B", "3")), "app", "/chaos", "npm"
    )
    assert (found.readiness, found.metrics_path) == (Probe("/r", 1000), "/m")
    assert (found.min_replicas, found.max_replicas) == (0, 4)


def test_bounds() -> None:
    bounds = 'marskit.dev/min-replicas: "2", marskit.dev/max-replicas: "3"'
    found = deployment(bounds=bounds)
    assert (found.min_replicas, found.max_replicas) == (2, 3)
    with pytest.raises(FieldError, match=r"spec\.replicas is 2, but must be from 3 to 10, its own bounds"):
        deployment(bounds='marskit.dev/min-replicas: "3"')
    with pytest.raises(FieldError, match="is 3, but must be a string"):
        deployment(bounds="marskit.dev/min-replicas: 3")


def test_the_application_container_can_be_named() -> None:
    found = parsed(annotations="marskit.dev/container: side")
    assert found.deployment.image == "side"
    assert found.notices == ("the container main is not run on this machine",)
    with pytest.raises(FieldError, match='is "x", but must be one of the containers main, side'):
        deployment(annotations="marskit.dev/container: x")


def test_what_is_left_out_is_noticed() -> None:
    found = parsed(pod="volumes: [{name: tmp, emptyDir: {}}, {name: conf, configMap: {name: c}}]")
    assert found.notices == (
        "the container side is not run on this machine",
        "the volume conf (configMap) is not there on this machine",
    )
    init = parsed(pod="initContainers: [{name: wait, image: w}]")
    assert "the init container wait is not run on this machine" in init.notices


@pytest.mark.parametrize(
    ("container", "pod"),
    [
        ("envFrom: [{prefix: A_}]", ""),
        ("envFrom: [{secretRef: {name: c}}]", ""),
        ("env: [{name: A, valueFrom: x}]", ""),
        ("env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]", ""),
        ("securityContext: strict", ""),
        ("resources: {requests: {cpu: lots}}", ""),
        ("readinessProbe: {httpGet: {path: ready, port: 80}}", ""),
        ("env: [{name: 'A=B', value: x}]", ""),
        ('env: [{name: A, value: "\\0"}]', ""),
        ("", "tolerations: {}"),
        ("", "terminationGracePeriodSeconds: -1"),
        ("", "restartPolice: Always"),
    ],
)
def test_what_is_refused(container: str, pod: str) -> None:
    with pytest.raises(FieldError):
        deployment(container, pod=pod)
