"""Layers: later files replace objects, as `kubectl apply` does, along the walk of Istio's Bookinfo tasks."""

from pathlib import Path

import pytest

from marskit.cli.main import main
from marskit.mesh.manifests.graph import configuration
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from tests.mesh.manifests.shop import SHOP

HEAD = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: cart, namespace: shop}\n"
ALL_V1 = "spec: {hosts: [cart], http: [{route: [{destination: {host: cart, subset: v1}}]}]}\n"
BY_HEADER = """
spec:
  hosts: [cart]
  http:
    - match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: cart, subset: v2}}]
    - route: [{destination: {host: cart, subset: v1}}]
"""
HALVES = """
spec:
  hosts: [cart]
  http:
    - route:
        - {destination: {host: cart, subset: v1}, weight: 50}
        - {destination: {host: cart, subset: v2}, weight: 50}
"""


@pytest.fixture
def walk(tmp_path: Path) -> list[Path]:
    files = []
    for name, spec in (("all-v1", ALL_V1), ("by-header", BY_HEADER), ("halves", HALVES)):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(HEAD + spec, encoding="utf-8")
    return files


def shares(config: MeshConfig) -> list[dict[str | None, int]]:
    routes = [route for route in configuration(config).routes if route.virtual_service == "cart"]
    return [{d.subset: d.weight_percent for d in route.destinations} for route in routes]


def test_each_file_of_a_walk_replaces_the_one_before(walk: list[Path]) -> None:
    steps = [shares(load_mesh([SHOP], layers=walk[:length])) for length in range(1, 4)]
    assert steps == [[{"v1": 100}], [{"v2": 100}, {"v1": 100}], [{"v1": 50, "v2": 50}]]


def test_a_notice_says_what_was_replaced(walk: list[Path]) -> None:
    config = load_mesh([SHOP], layers=walk[:2])
    assert config.notices == (
        f"{walk[0]}:1: VirtualService cart replaces the one in {SHOP}:123",
        f"{walk[1]}:1: VirtualService cart replaces the one in {walk[0]}:1",
    )


def test_an_object_keeps_its_place_and_others_are_added(walk: list[Path], tmp_path: Path) -> None:
    extra = tmp_path / "extra.yaml"
    extra.write_text(
        HEAD.replace("name: cart", "name: second")
        + "spec: {hosts: [other.test], gateways: [door], http: [{directResponse: {status: 200}}]}\n",
        encoding="utf-8",
    )
    before = [document.name for document in load_mesh([SHOP]).documents]
    after = load_mesh([SHOP], layers=[walk[0], extra])
    assert [document.name for document in after.documents] == [*before, "second"]
    assert next(d.file for d in after.documents if (d.kind, d.name) == ("VirtualService", "cart")) == walk[0]


def test_without_a_layer_the_refusal_says_how(walk: list[Path]) -> None:
    with pytest.raises(ManifestError) as caught:
        load_mesh([SHOP, walk[0]])
    assert str(caught.value) == (
        f"{walk[0]}:1: VirtualService cart in namespace shop exists already, in {SHOP}:123;"
        " to let this one replace it, give its file by --layer"
    )


def test_one_layer_cannot_have_an_object_twice(tmp_path: Path) -> None:
    twice = tmp_path / "twice.yaml"
    twice.write_text(f"{HEAD}{ALL_V1}---\n{HEAD}{ALL_V1}", encoding="utf-8")
    with pytest.raises(ManifestError, match=r"twice.yaml:\d+: VirtualService cart .* exists already"):
        load_mesh([SHOP], layers=[twice])


def test_what_is_replaced_is_not_checked_and_what_replaces_is(walk: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(HEAD + ALL_V1.replace("subset: v1", "subset: v9"), encoding="utf-8")
    with pytest.raises(ManifestError, match=rf"^{broken}:4: .*no DestinationRule .* has a subset v9"):
        load_mesh([SHOP], layers=[broken])
    assert shares(load_mesh([SHOP], layers=[broken, walk[0]])) == [{"v1": 100}]


def test_check_takes_layers(walk: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(SHOP), "--layer", *map(str, walk)]) == 0
    assert f"VirtualService cart replaces the one in {walk[1]}:1" in capsys.readouterr().out
    assert main(["check", str(SHOP), str(walk[0])]) != 0
    assert "give its file by --layer" in capsys.readouterr().err


def test_a_comparison_takes_layers(
    walk: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The twin refuses faults, so a layer with one shows that the comparison reads it."""
    faulty = tmp_path / "faulty.yaml"
    fault = "http: [{fault: {abort: {httpStatus: 500, percentage: {value: 1}}}, route: [{destination:"
    faulty.write_text(HEAD + ALL_V1.replace("http: [{route: [{destination:", fault), encoding="utf-8")
    arguments = ["compare", "--manifests", str(SHOP), "--planners", "static", "--seeds", "1"]
    arguments += ["--scenarios", "spike", "--out", str(tmp_path / "out"), "--layer", str(walk[0])]
    assert main([*arguments, str(faulty)]) != 0
    assert "cart[0]: the twin cannot simulate `fault`" in capsys.readouterr().err
