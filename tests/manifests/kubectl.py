"""The real kubectl, where there is one, without a cluster."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="no kubectl on PATH")

# group/version -> (kind, plural, namespaced). Real kubectl resolves what it is given through this table.
_RESOURCES = {
    "v1": [
        ("Namespace", "namespaces", False),
        ("ServiceAccount", "serviceaccounts", True),
        ("Service", "services", True),
    ],
    "apps/v1": [("Deployment", "deployments", True)],
    "rbac.authorization.k8s.io/v1": [("Role", "roles", True), ("RoleBinding", "rolebindings", True)],
}
_ISTIO = [
    ("Gateway", "gateways", True),
    ("VirtualService", "virtualservices", True),
    ("DestinationRule", "destinationrules", True),
]
OPENSHIFT = {"route.openshift.io/v1": [("Route", "routes", True)]}
ISTIO = {"networking.istio.io/v1": _ISTIO}
SERVICE_MESH_2 = {
    "networking.istio.io/v1beta1": _ISTIO,
    "maistra.io/v1": [("ServiceMeshMember", "servicemeshmembers", True)],
}
Resources = dict[str, list[tuple[str, str, bool]]]


def kubectl(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs kubectl with no kubeconfig: it can reach nothing that the arguments do not name."""
    assert KUBECTL is not None
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(
            [KUBECTL, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": f"{home}/none"},
        )


def render(folder: Path) -> str:
    result = kubectl("kustomize", str(folder))
    assert result.returncode == 0, result.stderr
    return result.stdout


def _discovery(resources: Resources) -> dict[str, object]:
    groups = [version.split("/") for version in resources if "/" in version]
    answers: dict[str, object] = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [
                {
                    "name": group,
                    "versions": [{"groupVersion": f"{group}/{version}", "version": version}],
                    "preferredVersion": {"groupVersion": f"{group}/{version}", "version": version},
                }
                for group, version in groups
            ],
        },
    }
    for version, kinds in resources.items():
        answers[f"/{'apis' if '/' in version else 'api'}/{version}"] = {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": [
                {"name": plural, "kind": kind, "namespaced": namespaced, "verbs": ["get", "create", "patch"]}
                for kind, plural, namespaced in kinds
            ],
        }
    return answers


@contextmanager
def api_server(extra: Resources) -> Iterator[tuple[str, list[str]]]:
    """An empty cluster that only tells which kinds it has: its URL, and the writes that it refused."""
    answers = _discovery(_RESOURCES | extra)
    writes: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            status = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
            body = json.dumps(found or status).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _refuse(self) -> None:
            writes.append(f"{self.command} {self.path}")
            self.send_error(405)

        do_POST = do_PUT = do_PATCH = do_DELETE = _refuse

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", writes
        finally:
            server.shutdown()
            thread.join()
