"""Files and folders: what is read, in which order, and what namespaces and folders follow from it."""

from pathlib import Path

import pytest

from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.manifests.shop import FIXTURES, SHOP, changed, shop

NETWORKING = FIXTURES / "bookinfo" / "networking.yml"
MAPPING = FIXTURES / "bookinfo" / "mapping.toml"

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}{more}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      labels: {{app: {name}}}
      annotations: {{marskit.dev/command: '["node", "{{port}}"]'}}
    spec: {{containers: [{{name: c, image: {name}}}]}}
"""


def deployment(name: str, *, more: str = "") -> str:
    return DEPLOYMENT.format(name=name, more=more)


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shop() -> None:
    config = shop()
    assert config.namespace == "shop"
    assert config.root == FIXTURES
    assert config.notices == ()
    assert [(d.kind, d.name) for d in config.documents] == [
        ("Namespace", "shop"),
        ("Gateway", "door"),
        ("Deployment", "front"),
        ("Service", "front"),
        ("Deployment", "cart-v1"),
        ("Deployment", "cart-v2"),
        ("Service", "cart"),
        ("VirtualService", "front"),
        ("VirtualService", "cart"),
        ("DestinationRule", "cart"),
        ("DestinationRule", "front"),
    ]
    text = SHOP.read_text(encoding="utf-8").splitlines()
    for document in config.documents:
        assert text[document.line - 1].startswith("apiVersion:")
        assert document.body["kind"] == document.kind


def test_manifests_that_are_not_ours_run_by_a_mapping() -> None:
    config = load_mesh([FIXTURES / "bookinfo"], mapping=MAPPING)
    assert config.root == FIXTURES / "bookinfo"
    assert config.namespace == "default"
    assert config.notices == (f"{NETWORKING}:44: DestinationRule reviews: subset v2 selects no Deployment",)
    by_name = {d.name: d for d in config.deployments}
    local = by_name["ratings-v1"].local
    assert local is not None
    assert (local.command, local.directory) == (("node", "ratings.js", "{port}"), "ratings")
    assert by_name["reviews-v3"].max_replicas == 3
    page = by_name["productpage-v1"]
    assert page.readiness is not None
    assert (page.readiness.path, page.metrics_path) == ("/health", "/metrics")
    service = next(s for s in config.services if s.name == "productpage")
    assert (service.slo_latency_p95_ms, service.slo_availability_percent) == (250, 99.5)


def test_without_a_mapping_nothing_says_how_they_run() -> None:
    with pytest.raises(ManifestError, match=r"Deployment details-v1: it does not define how it runs"):
        load_mesh([FIXTURES / "bookinfo"])
    config = load_mesh([FIXTURES / "bookinfo"], require_local=False)
    assert all(d.local is None for d in config.deployments)


def test_folders_are_read_by_name_and_some_are_skipped(tmp_path: Path) -> None:
    write(tmp_path, "b.yaml", deployment("b"))
    write(tmp_path, "a.yml", f"{deployment('a')}---\n# nothing\n---\n{deployment('a2')}")
    write(tmp_path, "sub/c.yaml", deployment("c"))
    write(tmp_path, "overlays/x/d.yaml", deployment("a"))
    write(tmp_path, "rbac/e.yaml", "kind: Nonsense")
    write(tmp_path, ".hidden/e.yaml", "kind: Nonsense")
    write(tmp_path, "kustomization.yaml", "resources: [a.yml]")
    write(tmp_path, "notes.txt", "kind: Nonsense")
    assert [d.name for d in load_mesh([tmp_path]).deployments] == ["a", "a2", "b", "c"]
    assert [d.name for d in load_mesh([tmp_path / "sub", tmp_path / "b.yaml"]).deployments] == ["c", "b"]


def test_a_list_is_its_items(tmp_path: Path) -> None:
    items = "".join("- " + deployment(name).strip().replace("\n", "\n  ") + "\n" for name in ("a", "b"))
    file = write(tmp_path, "list.yaml", f"apiVersion: v1\nkind: List\nitems:\n{items}")
    config = load_mesh([file])
    assert [(d.name, d.line) for d in config.documents] == [("a", 4), ("b", 14)]


def test_what_has_no_meaning_here_is_noticed(tmp_path: Path) -> None:
    others = "".join(
        f"---\napiVersion: x/v1\nkind: {kind}\nmetadata: {{name: other}}\n"
        for kind in ("Route", "ServiceMeshMemberRoll", "HorizontalPodAutoscaler", "PodDisruptionBudget")
    )
    silent = "---\nkind: Kustomization\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n"
    file = write(tmp_path, "a.yaml", f"{deployment('a').strip()}\n{others}{silent}---\nreplicas: 3\n")
    assert load_mesh([file]).notices == (
        f"{file}:12: Route other has no effect here and is ignored",
        f"{file}:16: ServiceMeshMemberRoll other has no effect here and is ignored",
        f"{file}:20: HorizontalPodAutoscaler other has no effect here and is ignored",
        f"{file}:24: PodDisruptionBudget other has no effect here and is ignored",
        f"{file}:34: this is not a Kubernetes object and is ignored",
    )


def test_the_only_namespace_is_that_of_objects_without_one(tmp_path: Path) -> None:
    one = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    file = write(tmp_path, "a.yaml", f"{deployment('a')}{one}")
    assert load_mesh([file]).namespace == "shop"
    file = write(tmp_path, "a.yaml", f"{deployment('a')}{one}{one.replace('shop', 'other')}")
    assert load_mesh([file]).namespace == "default"
    file = write(tmp_path, "a.yaml", deployment("a", more=", namespace: mine"))
    assert load_mesh([file]).namespace == "mine"


def test_the_root_is_beside_the_k8s_folder(tmp_path: Path) -> None:
    write(tmp_path, "k8s/base/a.yaml", deployment("a"))
    other = write(tmp_path, "mesh/b.yaml", deployment("b"))
    mapping = write(tmp_path, "local/m.toml", "")
    assert load_mesh([tmp_path / "mesh", tmp_path / "k8s" / "base"]).root == tmp_path
    assert load_mesh([other]).root == tmp_path / "mesh"
    assert load_mesh([other], mapping=mapping).root == tmp_path / "local"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &a [*a]", "an alias contains itself or the nesting is too deep"),
        ("- a", '1: the document is ["a"], but must be a mapping'),
        ("kind: List\nitems: [3]", "2: the document is 3, but must be a mapping"),
        ("apiVersion: v1", "1: kind is missing"),
        ("{", "1: this is not YAML: did not find expected node content"),
        ("a: \x00", "1: this is not YAML: unacceptable character #x0000: control characters are not allowed"),
        ("a: *b", "1: this is not YAML: found undefined alias"),
        ("a: !!int x", "1: the value with the tag tag:yaml.org,2002:int must be a whole number"),
        ("? [a]\n: b", "1: the key is a sequence, but must be a string: write it in quotes"),
        ("a: " + "[" * 2000 + "]" * 2000, "an alias contains itself or the nesting is too deep"),
        ("", "no Deployment found, so there is nothing to run"),
    ],
)
def test_files_that_are_no_manifests(text: str, sentence: str, tmp_path: Path) -> None:
    file = write(tmp_path, "a.yaml", text)
    with pytest.raises(ManifestError) as caught:
        load_mesh([file])
    assert str(caught.value).startswith(f"{file}:")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_few_lines_cannot_stand_for_billions_of_values(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    file = write(tmp_path, "a.yaml", "\n".join(lines))
    with pytest.raises(ManifestError, match="more than 200000 values is refused"):
        load_mesh([file])


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="this file or folder of manifests does not exist"):
        load_mesh([tmp_path / "none"])
    with pytest.raises(ManifestError, match=r"the folder contains no \*.yaml or \*.yml file"):
        load_mesh([tmp_path])
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ManifestError, match="cannot be read as text"):
        load_mesh([file])


def test_anchors_and_merges_stand_for_copies(tmp_path: Path) -> None:
    file = changed(
        tmp_path,
        "    - name: v1\n      labels: {version: v1}\n    - name: v2\n      labels: {version: v2}\n",
        "    - &one\n      name: v1\n      labels: {version: v1}\n    - <<: *one\n      name: v2\n",
    )
    config = load_mesh([file])
    subsets = config.documents[-2].body["spec"]["subsets"]
    assert [subset["name"] for subset in subsets] == ["v1", "v2"]
    assert subsets[0]["labels"] == subsets[1]["labels"]
    assert subsets[0]["labels"] is not subsets[1]["labels"]
