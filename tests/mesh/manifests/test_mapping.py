from pathlib import Path

import pytest

from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.mapping import load_mapping, without_tag
from marskit.mesh.manifests.model import ManifestError
from marskit.mesh.manifests.report import Report
from tests.mesh.manifests.shop import SHOP


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("orders", "orders"),
        ("orders:1.0", "orders"),
        ("reg:5000/a/orders", "reg:5000/a/orders"),
        ("reg:5000/a/orders:1.0", "reg:5000/a/orders"),
        ("a/orders:1.0@sha256:abc", "a/orders"),
    ],
)
def test_images_without_their_tag(image: str, name: str) -> None:
    assert without_tag(image) == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = x", "the mapping file is not TOML: Invalid value"),
        ("[image.x]", "image is not a field (did you mean images?); allowed here: images, replicas, slo"),
        (
            '[images."a/b"]\nkommand = []',
            'images["a/b"].kommand is not a field (did you mean command?); allowed here: command, directory,'
            " env, metrics_path, packages, port_env, readiness_path",
        ),
        (
            "[images.a]\npackages = 'yarn'",
            'images.a.packages is "yarn", but must be npm, the only installer that is known',
        ),
        ("[images.a]\ncommand = 'node'", 'images.a.command is "node", but must be a list'),
        ("[images.a]\ncommand = []", "images.a.command is [], but must be a list of at least one word"),
        ("[images.a.env]\nA = 1", "images.a.env.A is 1, but must be a string: write it in quotes"),
        (
            "[images.a]\nreadiness_path = 'x'",
            'images.a.readiness_path is "x", but must be a path that begins with /',
        ),
        ("[slo.a]\nlatency_p95_ms = 0", "slo.a.latency_p95_ms is 0, but must be a number from 1 to 3600000"),
        ("[replicas.a]\nmin = -1", "replicas.a.min is -1, but must be a whole number from 0 to 1000"),
        ("[replicas.a]\nmin = 3\nmax = 2", "replicas.a.min is 3, but must be at most max, 2"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_key(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(text, encoding="utf-8")
    report = Report()
    load_mapping(file, report)
    assert [each.sentence for each in report.complaints] == [sentence]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[images."shop/frnt"]',
            'images."shop/frnt" names nothing in the manifests (did you mean shop/front?);'
            " they have shop/cart, shop/cart:1.0, shop/cart:2.0, shop/front, shop/front:1.0",
        ),
        ("[slo.orders]", 'slo."orders" names nothing in the manifests; they have cart, front'),
        (
            "[replicas.cart]",
            'replicas."cart" names nothing in the manifests (did you mean cart-v2?);'
            " they have cart-v1, cart-v2, front",
        ),
    ],
)
def test_a_mapping_of_what_is_not_there(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        load_mesh([SHOP], mapping=file)
    assert str(caught.value) == f"{file}:1: {sentence}"


def test_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"^\S*none.toml: the mapping file cannot be read: No such file"):
        load_mesh([SHOP], mapping=tmp_path / "none.toml")
