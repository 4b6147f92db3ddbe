"""`docs/manifests.md` names what the code knows: kinds, fields, annotations and keys of the mapping file."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from marskit.mesh.manifests.kinds import SILENT, SUPPORTED, WITHOUT_MEANING
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.manifests.shop import SHOP
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "manifests.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+): (\S+)` \| (.*?) \| ?(.*?) ?\|$", re.MULTILINE)
ROWS = [pytest.param(*row, id=f"{row[0]}: {row[1]}") for row in ROW.findall(TEXT)]
NAME = re.compile(r"`([^`]+)`")

SPECS = """
VirtualService:
  hosts: [front]
  http:
    - match: [{uri: {prefix: /}}]
      route: [{destination: {host: front}}]
      headers: {request: {set: {x: a}}}
      fault: {delay: {fixedDelay: 1s}, abort: {httpStatus: 500}}
      retries: {attempts: 1}
      rewrite: {uri: /}
      mirrors: [{destination: {host: front}}]
      corsPolicy: {allowMethods: [GET]}
    - redirect: {uri: /}
    - directResponse: {status: 200}
DestinationRule:
  host: other
  subsets: [{name: v1}]
  trafficPolicy:
    tls: {mode: DISABLE}
    loadBalancer: {consistentHash: {useSourceIp: true}}
    connectionPool: {tcp: {maxConnections: 1}, http: {maxRetries: 1}}
    outlierDetection: {interval: 1s}
    portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]
    retryBudget: {percent: 20}
Gateway:
  servers: [{port: {number: 81, protocol: HTTP}, hosts: [a], tls: {httpsRedirect: true}}]
Deployment:
  selector: {matchLabels: {app: extra}}
  template:
    metadata:
      labels: {app: extra}
      annotations: {marskit.dev/command: '["extra", "{port}"]'}
    spec:
      containers:
        - name: extra
          image: extra
          env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}]
          readinessProbe: {httpGet: {port: 80}}
          livenessProbe: {httpGet: {port: 80}}
Service:
  selector: {app: cart}
  ports: [{port: 8080}]
"""


def complaint(folder: Path, kind: str, path: str, key: str) -> str:
    """What is said about a key that is written into an object that is right without it."""
    version = "apps/v1" if kind == "Deployment" else SUPPORTED[kind][0]
    spec = copy.deepcopy(yaml.safe_load(SPECS)[kind])
    at: Any = {"spec": spec}
    for part in path.split("."):
        at = at[part.removesuffix("[]")]
        if part.endswith("[]"):
            last = path.rpartition(".")[2]
            at = next((item for item in at if last in item), at[0])
    at[key] = {}
    file = folder / "extra.yaml"
    file.write_text(
        yaml.safe_dump({"apiVersion": version, "kind": kind, "metadata": {"name": "extra"}, "spec": spec}),
        encoding="utf-8",
    )
    with pytest.raises(ManifestError) as caught:
        load_mesh([SHOP, file])
    return str(caught.value)


@pytest.mark.parametrize(("kind", "path", "read", "refused"), ROWS)
def test_the_fields_of_an_object(kind: str, path: str, read: str, refused: str, tmp_path: Path) -> None:
    said = complaint(tmp_path, kind, path, "nonsense")
    assert f" {path}.nonsense is not a field" in re.sub(r"\[\d+\]", "[]", said)
    allowed = said.rpartition("allowed here: ")[2].split(", ")
    if kind in ("Deployment", "Service"):
        assert set(NAME.findall(read)) <= set(allowed)
    else:
        assert NAME.findall(read) == allowed
    for name in NAME.findall(refused):
        assert f".{name} is not supported by marskit's local mesh" in complaint(tmp_path, kind, path, name)


def test_every_object_has_a_row() -> None:
    assert {kind for kind, *_ in ROW.findall(TEXT)} == set(yaml.safe_load(SPECS))
    assert len(ROWS) == 42


def test_kinds() -> None:
    rows = dict(re.findall(r"^\| ((?:read|ignored)[a-z ]*) \| (.*) \|$", TEXT, re.MULTILINE))
    assert NAME.findall(rows["read"]) == sorted(SUPPORTED)
    assert NAME.findall(rows["ignored with a notice"]) == sorted(WITHOUT_MEANING)
    assert NAME.findall(rows["ignored"]) == sorted(SILENT)


def section(title: str) -> list[list[str]]:
    """The rows of the table below a heading, the first cell repeated where it is empty."""
    text = TEXT.split(f"\n### {title}\n")[1].split("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    filled: list[list[str]] = []
    for row in rows:
        filled.append(row if len(row) == 3 else [filled[-1][0], *row])
    return filled


@pytest.mark.parametrize("table", ["images", "slo", "replicas"])
def test_the_mapping_file(table: str, tmp_path: Path) -> None:
    documented = {
        NAME.findall(key)[0] for name, key, _ in section("The mapping file") if name == f"`{table}`"
    }
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(f'[{table}."x"]\nnonsense = 1\n', encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        load_mesh([SHOP], mapping=mapping)
    assert set(str(caught.value).rpartition("allowed here: ")[2].split(", ")) == documented


@pytest.mark.parametrize(
    ("on", "old", "new"),
    [
        ("pod template", "        marskit.dev/port-env: PORT\n", "        marskit.dev/nonsense: a\n"),
        ("Deployment", "  name: cart-v1\n", '  name: cart-v1\n  annotations: {marskit.dev/nonsense: "1"}\n'),
        ("Service", '    marskit.dev/slo-latency-p95-ms: "120"\n', "    marskit.dev/nonsense: a\n"),
    ],
)
def test_annotations(on: str, old: str, new: str, tmp_path: Path) -> None:
    documented = {
        name for where, names, _ in section("Annotations") if where == on for name in NAME.findall(names)
    }
    text = SHOP.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "mesh.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        load_mesh([file])
    allowed = str(caught.value).rpartition("allowed here: ")[2].split(", ")
    assert {f"marskit.dev/{name}" for name in documented} == set(allowed)
