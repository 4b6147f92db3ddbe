"""The tiny mesh of `fixtures/desk` with a VirtualService of one rule, or another object, beside it."""

from pathlib import Path

from marskit.errors import Complaint
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.manifests.shop import FIXTURES

DESK = FIXTURES / "desk"
MAPPING = DESK / "mapping.toml"

ENTRY = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: entry}
spec:
  hosts: ["*"]
  gateways: [door]
  http:
    - %s
    - route: [{destination: {host: desk}}]
"""
RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: desk}
spec:
  host: desk
  %s
"""


def told(folder: Path, rule: str) -> list[str]:
    """What is said against a VirtualService with that rule before the last."""
    return told_of(folder, ENTRY % rule)


def told_of(folder: Path, text: str) -> list[str]:
    """What is said against the object beside the mesh, without file, line and name."""
    file = folder / "beside.yaml"
    file.write_text(text, encoding="utf-8")
    complaints: tuple[Complaint, ...] = ()
    try:
        load_mesh([DESK, file], mapping=MAPPING)
    except ManifestError as error:
        complaints = error.complaints
    assert all(each.file == file and each.line for each in complaints), complaints
    return [each.sentence.partition(": ")[2] for each in complaints]
