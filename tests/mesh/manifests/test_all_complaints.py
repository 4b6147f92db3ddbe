"""Everything that is wrong is told at once, by file and line, and nothing that only follows from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from marskit.assembly.inputs import read_inputs
from marskit.cli.main import main
from marskit.errors import InputError
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.manifests.shop import FIXTURES, SHOP

DESK = FIXTURES / "desk"
MAPPING = DESK / "mapping.toml"

ENTRY = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: entry}
spec:
  hosts: ["*"]
  gateways: [door]
  http: [{route: [{destination: {host: desk}}]}]
"""


def edited(folder: Path, *replacements: tuple[str, str]) -> Path:
    """A copy of the shop with several places changed."""
    text = SHOP.read_text(encoding="utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, f"{old!r} stands there {text.count(old)} times"
        text = text.replace(old, new)
    file = folder / "mesh.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def told(*paths: Path, mapping: Path | None = None) -> Iterator[tuple[Path | None, int | None, str]]:
    """File, line and sentence of every complaint."""
    with pytest.raises(ManifestError) as caught:
        load_mesh(paths, mapping=mapping)
    assert str(caught.value).splitlines() == [str(each) for each in caught.value.complaints]
    for complaint in caught.value.complaints:
        yield complaint.file, complaint.line, complaint.sentence


def starts(*paths: Path, mapping: Path | None = None) -> list[str]:
    """What is wrong with which object: the beginnings of the sentences."""
    return [sentence.partition(" is ")[0] for _, _, sentence in told(*paths, mapping=mapping)]


def test_every_wrong_object_is_told_in_the_order_of_lines(tmp_path: Path) -> None:
    file = edited(
        tmp_path,
        ("        protocol: HTTP\n", "        protocol: TCP\n"),
        ("    - port: 80\n", "    - port: 80808\n"),
        ("weight: 80", "weight: -1"),
        ("      consecutive5xxErrors: 5\n", "      consecutive5xxErrors: many\n"),
    )
    found = list(told(file))
    assert [line for _, line, _ in found] == sorted(line or 0 for _, line, _ in found)
    assert [sentence.partition(" is ")[0] for _, _, sentence in found] == [
        "Gateway door: spec.servers[0].port.protocol",
        "Service front: spec.ports[0].port",
        "VirtualService cart: spec.http[1].route[0].weight",
        "DestinationRule cart: spec.trafficPolicy.outlierDetection.consecutive5xxErrors",
    ]
    text = file.read_text(encoding="utf-8").splitlines()
    for _, line, _ in found:
        assert line is not None
        assert any(word in text[line - 1] for word in ("TCP", "80808", "-1", "many"))


def test_several_fields_of_one_object_are_told_together(tmp_path: Path) -> None:
    file = edited(
        tmp_path,
        ("  hosts: [cart]\n", "  hosts: [7]\n  exportTo: 3\n  tcp: []\n"),
        ('              exact: "yes"\n', "              exact: 1\n"),
        ("weight: 80", "weightt: 80"),
        (
            "          weight: 20\n",
            "          weight: 20\n          headers: {request: {set: {a: 1, b: 2}}}\n",
        ),
        (
            "      timeout: 1500ms\n",
            "      timeout: soon\n      mirrors: 3\n      fault: {delay: {fixedDelay: y}}\n",
        ),
    )
    assert starts(file) == [
        "VirtualService cart: spec.hosts[0]",
        "VirtualService cart: spec.exportTo",
        "VirtualService cart: spec.tcp",
        "VirtualService cart: spec.http[0].match[0].headers.x-beta.exact",
        "VirtualService cart: spec.http[1].route[0].weightt",
        "VirtualService cart: spec.http[1].route[1].headers.request.set.a",
        "VirtualService cart: spec.http[1].route[1].headers.request.set.b",
        "VirtualService cart: spec.http[1].timeout",
        "VirtualService cart: spec.http[1].mirrors",
        "VirtualService cart: spec.http[1].fault.delay.fixedDelay",
    ]


def test_a_deployment_tells_all_of_its_fields(tmp_path: Path) -> None:
    file = edited(
        tmp_path,
        (
            "metadata:\n  name: front\nspec:\n  replicas: 2\n",
            "metadata:\n  name: front\nspec:\n  replicas: -2\n",
        ),
        ("    matchLabels: {app: front}\n", "    matchLabels: {app: back}\n"),
        (
            "              value: http://cart:8080/items\n",
            "              value: 8080\n            - {name: 3}\n",
        ),
        ("        marskit.dev/port-env: PORT\n", "        marskit.dev/portenv: PORT\n"),
    )
    assert starts(file) == [
        "Deployment front: spec.replicas",
        "Deployment front: spec.selector.matchLabels.app",
        'Deployment front: spec.template.metadata.annotations["marskit.dev/portenv"]',
        "Deployment front: spec.template.spec.containers[0].env[0].value",
        "Deployment front: spec.template.spec.containers[0].env[1].name",
    ]


WRONG_OBJECTS = {
    "VirtualService": ("      timeout: 1500ms\n", "      timeout: soon\n"),
    "DestinationRule": ("      consecutive5xxErrors: 5\n", "      consecutive5xxErrors: many\n"),
    "Service": ("    - port: 80\n", "    - port: http\n"),
    "Gateway": ("        protocol: HTTP\n", "        protocol: SMTP\n"),
    "Deployment": (
        "metadata:\n  name: front\nspec:\n  replicas: 2\n",
        "metadata:\n  name: front\nspec:\n  replicas: two\n",
    ),
    "a label": ("      labels: {app: front}\n", "      labels: {app: front, commit: 81111e1}\n"),
    "no name": ("  name: door\n", "  labels: {}\n"),
    "a misspelt kind": ("kind: Gateway\n", "kind: Gatewy\n"),
    "an object that is not YAML": ("kind: Gateway\n", "kind: [Gateway\n"),
    "a key twice": ("kind: Gateway\n", "kind: Gateway\nkind: Gateway\n"),
}


@pytest.mark.parametrize("case", WRONG_OBJECTS)
def test_nothing_is_told_that_only_follows(case: str, tmp_path: Path) -> None:
    file = edited(tmp_path, WRONG_OBJECTS[case])
    assert len(list(told(file))) == 1


def test_references_to_what_is_really_missing_are_told_beside_a_wrong_object(tmp_path: Path) -> None:
    file = edited(
        tmp_path,
        ("    - port: 80\n", "    - port: http\n"),
        (
            "            host: cart\n            subset: v1\n",
            "            host: cark\n            subset: v1\n",
        ),
    )
    assert [sentence.partition(" (")[0] for _, _, sentence in told(file)] == [
        'Service front: spec.ports[0].port is "http", but must be a whole number from 1 to 65535',
        "VirtualService cart: cark.shop.svc.cluster.local is not a Service",
    ]


def test_a_document_that_is_not_yaml_does_not_hide_the_others(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    parts = ["kind: {", "a: 'open", "apiVersion: v1\nkind: Nonsense\nmetadata: {name: x}", "? [a]\n: b"]
    file.write_text("---\n" + "\n---\n".join(parts) + "\n", encoding="utf-8")
    assert [line for _, line, _ in told(file)] == [2, 4, 7, 10]


def test_files_are_told_one_after_another(tmp_path: Path) -> None:
    first, second = tmp_path / "b.yaml", tmp_path / "a.yaml"
    first.write_text(ENTRY.replace("desk", "desc"), encoding="utf-8")
    second.write_text(
        ENTRY.replace("entry", "other").replace("{host: desk}", "{hots: desk}"), encoding="utf-8"
    )
    found = list(told(first, DESK, second, mapping=MAPPING))
    assert [file for file, _, _ in found] == [first, second, second]
    assert [line for _, line, _ in found] == [7, 7, 7]


def test_what_a_missing_file_would_have_is_not_missed(tmp_path: Path) -> None:
    entry, none = tmp_path / "entry.yaml", tmp_path / "none.yaml"
    entry.write_text(ENTRY.replace("[door]", "[door]\n  timeout: 3"), encoding="utf-8")
    assert [file for file, _, _ in told(entry, none, DESK / "subsets.yaml")] == [entry, none]


def test_mapping_scenario_and_manifests_are_told_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry, mapping, scenario = tmp_path / "entry.yaml", tmp_path / "map.toml", tmp_path / "load.toml"
    entry.write_text(ENTRY.replace("[door]", "[dor]"), encoding="utf-8")
    text = MAPPING.read_text(encoding="utf-8").replace("port_env", "portenv", 1)
    mapping.write_text(f"{text}[slo.shelf]\n[replicas.desk]\nmin = 'x'\n", encoding="utf-8")
    scenario.write_text('title = "x"\n', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_inputs([DESK, entry], mapping, scenario)
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines[:3]] == [f"{entry}:6", f"{mapping}:3", f"{mapping}:9"]
    assert all(line.startswith(str(scenario)) for line in lines[3:])
    assert lines[3:]
    assert main(["check", str(DESK), str(entry), "--mapping", str(mapping), "--scenario", str(scenario)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    header, *sentences = output.err.splitlines()
    assert header == f"marskit: {len(lines)} things must be corrected:"
    assert sentences == [f"{line.rstrip('.')}." for line in lines]


def test_a_wrong_mapping_hides_nothing_and_causes_nothing(tmp_path: Path) -> None:
    mapping, entry = tmp_path / "map.toml", tmp_path / "entry.yaml"
    mapping.write_text("[images.\n", encoding="utf-8")
    entry.write_text(ENTRY.replace("desk", "desc"), encoding="utf-8")
    assert [file for file, _, _ in told(DESK, entry, mapping=mapping)] == [entry, mapping]


def test_variables_of_a_wrong_config_map_are_not_missed(tmp_path: Path) -> None:
    file = edited(
        tmp_path,
        (
            "              value: http://cart:8080/items\n",
            "              valueFrom: {configMapKeyRef: {name: words, key: cart}}\n",
        ),
    )
    words = tmp_path / "words.yaml"
    words.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\ndata: {cart: 3}\n")
    text = words.read_text(encoding="utf-8").replace("name: words", "name: words, namespace: shop")
    words.write_text(text, encoding="utf-8")
    assert starts(file, words) == ["ConfigMap words: data.cart"]
