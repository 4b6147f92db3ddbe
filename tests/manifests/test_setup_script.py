"""k8s/setup.sh with a stand-in for oc or kubectl that writes down how it was called."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.manifests.documents import K8S, OVERLAYS
from tests.manifests.kubectl import needs_kubectl, render

SCRIPT = K8S / "setup.sh"
ISTIO = ("networking.istio.io",)
SERVICE_MESH_3 = (*ISTIO, "route.openshift.io", "sailoperator.io")
SERVICE_MESH_2 = (*ISTIO, "route.openshift.io", "maistra.io")
WRITES = ("apply", "delete", "create", "patch", "replace", "scale", "label", "annotate", "rollout")

# $0 is oc or kubectl; $STATE holds what the cluster is like and what it was asked.
_STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "${0##*/} $*" >>"$STATE/calls"
case "$1 $2" in
api-resources\\ *) grep -qx -- "${2#--api-group=}" "$STATE/groups" && echo some.kind || true ;;
kustomize\\ *) cat "$STATE/rendered" ;;
apply\\ *) cat >"$STATE/applied" ;;
get\\ namespace) cat "$STATE/namespace" ;;
get\\ istiorevisiontags*) exit 1 ;;
get\\ istios*) cat "$STATE/revision" ;;
get\\ route) echo http://marskit.apps.example.test/orders ;;
get\\ services) case $* in *loadBalancer*) cat "$STATE/address" ;; *) echo 'istio-system svc/gw' ;; esac ;;
rollout\\ status) cat "$STATE/rollout" >&2; [[ ! -s $STATE/rollout ]] ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A folder with the stand-in on its PATH and with the state that it plays."""

    folder: Path

    def has(self, **state: str) -> "Cluster":
        for name, content in state.items():
            (self.folder / "state" / name).write_text(content)
        return self

    def with_tool(self, name: str) -> "Cluster":
        tool = self.folder / "bin" / name
        tool.write_text(_STAND_IN)
        tool.chmod(0o755)
        return self

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPT), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            # A PATH of its own: the kubectl of this machine must not be reached.
            env={
                "PATH": str(self.folder / "bin"),
                "STATE": str(self.folder / "state"),
                "HOME": "/nonexistent",
            },
        )

    def calls(self) -> list[str]:
        file = self.folder / "state" / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def writes(self) -> list[str]:
        return [call for call in self.calls() if call.split()[1] in WRITES]

    def applied(self) -> str:
        return (self.folder / "state" / "applied").read_text()


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    (tmp_path / "bin").mkdir()
    (tmp_path / "state").mkdir()
    for tool in ("bash", "env", "dirname", "sed", "cat", "grep"):
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    return Cluster(tmp_path).has(
        groups="\n".join(ISTIO), rendered="", namespace="", revision="", address="", rollout=""
    )


@pytest.fixture
def kubectl_cluster(cluster: Cluster) -> Cluster:
    return cluster.with_tool("kubectl")


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_a_dry_run_prints_what_it_would_do_and_writes_nothing(
    kubectl_cluster: Cluster, command: str, overlay: str
) -> None:
    result = kubectl_cluster.setup(command, "--overlay", overlay, "--dry-run")
    assert result.returncode == 0, result.stderr
    assert kubectl_cluster.writes() == []
    printed = [line for line in result.stdout.splitlines() if line.startswith("+ ")]
    verb = {"up": "kubectl apply", "down": "kubectl delete namespace", "status": "kubectl get"}[command]
    assert any(verb in line for line in printed)
    if command == "up":
        assert f"overlays/{overlay} | sed -E" in printed[0]
        assert any("rollout status" in line for line in printed)


@pytest.mark.parametrize(
    ("groups", "overlay"),
    [
        (ISTIO, "istio"),
        ((*ISTIO, "sailoperator.io"), "istio"),
        (SERVICE_MESH_3, "openshift"),
        (SERVICE_MESH_2, "openshift-service-mesh-2"),
        ((*SERVICE_MESH_2, "sailoperator.io"), "openshift"),
        ((*ISTIO, "route.openshift.io"), "openshift"),
    ],
)
def test_the_overlay_is_found_by_what_the_cluster_serves(
    kubectl_cluster: Cluster, groups: tuple[str, ...], overlay: str
) -> None:
    result = kubectl_cluster.has(groups="\n".join(groups)).setup("up", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"overlay: {overlay}\n")


def test_a_cluster_without_istio_is_refused(kubectl_cluster: Cluster) -> None:
    result = kubectl_cluster.has(groups="apps").setup("up")
    assert result.returncode == 1
    assert result.stderr == "setup.sh: the cluster has no Istio (no API group networking.istio.io)\n"
    assert kubectl_cluster.writes() == []


def test_up_applies_waits_and_tells_the_url(kubectl_cluster: Cluster) -> None:
    result = kubectl_cluster.has(rendered="kind: Namespace\n", address="203.0.113.7").setup("up")
    assert result.returncode == 0, result.stderr
    assert kubectl_cluster.applied() == "kind: Namespace\n"
    assert [call.split()[1] for call in kubectl_cluster.writes()] == ["apply", "rollout"]
    assert "--timeout 180s" in kubectl_cluster.writes()[1]
    assert result.stdout.endswith("http://203.0.113.7/orders\n")


def test_a_gateway_without_an_address_is_reached_by_port_forward(kubectl_cluster: Cluster) -> None:
    result = kubectl_cluster.setup("up")
    assert result.returncode == 0, result.stderr
    assert "kubectl port-forward --namespace istio-system svc/gw 8080:80" in result.stdout


def test_oc_is_preferred_and_the_route_is_told(cluster: Cluster) -> None:
    cluster.with_tool("oc").with_tool("kubectl").has(groups="\n".join(SERVICE_MESH_3))
    result = cluster.setup("up")
    assert result.returncode == 0, result.stderr
    assert {call.split()[0] for call in cluster.calls()} == {"oc"}
    assert result.stdout.endswith("http://marskit.apps.example.test/orders\n")


def test_what_does_not_become_ready_is_a_failure(kubectl_cluster: Cluster) -> None:
    result = kubectl_cluster.has(rollout="error: timed out waiting\n").setup("up", "--timeout", "5")
    assert result.returncode == 1
    assert "timed out" in result.stderr
    assert "http" not in result.stdout


def test_a_namespace_of_somebody_else_is_left_alone(kubectl_cluster: Cluster) -> None:
    result = kubectl_cluster.has(namespace="found shop").setup("up", "--namespace", "shop")
    assert result.returncode == 1
    assert "the namespace shop exists and is not marskit's" in result.stderr
    assert kubectl_cluster.writes() == []


def test_our_own_namespace_is_updated(kubectl_cluster: Cluster) -> None:
    assert kubectl_cluster.has(namespace="found marskit").setup("up").returncode == 0


def test_down_deletes_only_a_namespace_with_our_label(kubectl_cluster: Cluster) -> None:
    result = kubectl_cluster.setup("down", "--namespace", "shop", "--timeout", "60")
    assert result.returncode == 0, result.stderr
    assert kubectl_cluster.writes() == [
        "kubectl delete namespace --selector app.kubernetes.io/part-of=marskit"
        " --field-selector metadata.name=shop --ignore-not-found --wait --timeout 60s"
    ]


@needs_kubectl
def test_registry_tag_namespace_and_revision_reach_the_cluster(kubectl_cluster: Cluster) -> None:
    kubectl_cluster.has(
        groups="\n".join(SERVICE_MESH_3),
        rendered=render(K8S / "overlays" / "openshift"),
        revision="prod-v1-26",
    )
    before = (kubectl_cluster.folder / "state" / "rendered").read_text()
    result = kubectl_cluster.setup(
        "up", "--registry", "quay.io/me/demo", "--tag", "2.0-rc.1", "--namespace", "shop"
    )
    assert result.returncode == 0, result.stderr
    expected = (
        before.replace("ghcr.io/marskit/", "quay.io/me/demo/")
        .replace(":0.1.0\n", ":2.0-rc.1\n")
        .replace("marskit-demo", "shop")
        .replace("istio-injection: enabled", "istio.io/rev: prod-v1-26")
    )
    assert kubectl_cluster.applied() == expected
    assert expected.count("image: quay.io/me/demo/") == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("up", "down"), "one of up, down, status; found both up and down"),
        (("up", "--overlay", "k3s"), "--overlay 'k3s': allowed are auto, istio, openshift"),
        (("up", "--tag"), "--tag needs a value"),
        (("up", "--tag", "a b"), "--tag 'a b' is not an image tag"),
        (("up", "--registry", "quay.io/#x"), "--registry 'quay.io/#x' is not a registry"),
        (("up", "--namespace", "Shop"), "--namespace 'Shop' is not a namespace name"),
        (("up", "--timeout", "soon"), "--timeout 'soon' is not a number of seconds"),
        (("up", "--force"), "unknown argument '--force'"),
    ],
)
def test_a_wrong_argument_is_one_sentence(
    kubectl_cluster: Cluster, arguments: tuple[str, ...], sentence: str
) -> None:
    result = kubectl_cluster.setup(*arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(f"setup.sh: {sentence}")
    assert result.stderr.count("\n") == 1
    assert kubectl_cluster.calls() == []


def test_without_a_client_it_says_so(cluster: Cluster) -> None:
    result = cluster.setup("up")
    assert result.returncode == 1
    assert result.stderr == "setup.sh: neither oc nor kubectl is installed\n"


def test_help_and_no_command(cluster: Cluster) -> None:
    help_text = cluster.setup("--help")
    assert help_text.returncode == 0
    assert help_text.stdout.startswith("Usage: k8s/setup.sh")
    nothing = cluster.setup()
    assert nothing.returncode == 2
    assert nothing.stderr == help_text.stdout


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck on PATH")
def test_shellcheck_has_nothing_to_say() -> None:
    result = subprocess.run(
        ["shellcheck", str(SCRIPT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ),
    )
    assert result.stdout == ""
