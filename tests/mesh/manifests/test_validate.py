"""Cross-checks: what several objects say together. What makes a mesh unusable is in `test_refusals.py`."""

from pathlib import Path

import pytest

from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.manifests.shop import FIXTURES, SHOP, changed, marked_line


def test_two_virtual_services_for_one_host_are_reported() -> None:
    food = FIXTURES / "original" / "food.yaml"
    with pytest.raises(ManifestError) as caught:
        load_mesh([SHOP, food])
    assert str(caught.value) == (
        f"{food}:6: VirtualService food: cart.shop.svc.cluster.local is claimed by VirtualService cart in"
        f" {SHOP}:123 too, and a sidecar would use only one of them: put the routes into one VirtualService"
    )


def test_a_gateway_takes_the_routes_of_both(tmp_path: Path) -> None:
    second = tmp_path / "second.yaml"
    second.write_text(
        SHOP.read_text(encoding="utf-8").split("---\n")[7].replace("name: front", "name: second"),
        encoding="utf-8",
    )
    config = load_mesh([SHOP, second])
    assert [vs.name for vs in config.virtual_services] == ["front", "cart", "second"]
    assert config.notices == (
        f"{second}:6: VirtualService second: its routes for shop.example.com at Gateway shop/door come after"
        f" those of VirtualService front in {SHOP}:107",
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "  selector: {app: front}\n  ports:\n",
            "  selector: {app: nobody}  # HERE\n  ports:\n",
            "Service front: its selector selects no Deployment, so every request to it will fail",
        ),
        (
            "      labels: {version: v2}\n",
            "      labels: {version: v3}  # HERE\n",
            "DestinationRule cart: subset v2 selects no Deployment",
        ),
        (
            "spec:\n  host: front\n",
            "spec:\n  host: elsewhere.example.com  # HERE\n",
            "DestinationRule front: elsewhere.example.com is not a Service of these manifests",
        ),
        (
            "  hosts: [cart]\n",
            "  hosts: [basket]  # HERE\n",
            "VirtualService cart: basket.shop.svc.cluster.local is not a Service, so nothing can call it",
        ),
        (
            "              value: http://cart:8080/items\n",
            "              value: http://cart/items\n",
            "Deployment front: the variable CART_URL addresses port 80 of Service cart, which has 8080,"
            " so it is not a call",
        ),
    ],
)
def test_what_is_strange_but_runs_is_noticed(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    file = changed(tmp_path, old, new)
    (notice,) = load_mesh([file]).notices
    assert notice.endswith(f": {sentence}")
    if "# HERE" in new:
        assert notice.startswith(f"{file}:{marked_line(file)}: ")
