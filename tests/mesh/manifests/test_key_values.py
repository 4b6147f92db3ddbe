"""ConfigMaps and Secrets: what containers take from them."""

from pathlib import Path

import pytest

from marskit.mesh.manifests.graph import calls
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from tests.mesh.manifests.shop import changed

CONTAINER = "              value: http://cart:8080/items\n"
STORES = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {CART_HOST: cart, CART_PORT: "8080", COLOUR: red}
binaryData: {LOGO: AAEC}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
type: Opaque
data: {KEY: b3Blbg==, BINARY: /w==, OLD: b2xk}
stringData: {OLD: new}
---
apiVersion: v1
kind: Secret
metadata: {name: elsewhere, namespace: other}
stringData: {KEY: x}
"""


def environment(folder: Path, container: str, stores: str = STORES) -> dict[str, str]:
    """Of the front Deployment, whose other variable stays."""
    file = changed(folder, CONTAINER, CONTAINER + container)
    # The stores come last, as nothing says that they have to come first.
    file.write_text(file.read_text(encoding="utf-8") + stores, encoding="utf-8")
    config = load_mesh([file])
    assert ("CART_HOST" in dict(config.deployments[0].env)) == (
        "CART_HOST" in [call.variable for call in calls(config)]
    )
    return {key: value for key, value in config.deployments[0].env if key != "CART_URL"}


def test_all_keys_of_a_store(tmp_path: Path) -> None:
    sources = "{configMapRef: {name: settings}}, {prefix: S_, secretRef: {name: keys}}"
    more = "{secretRef: {name: none, optional: true}}"
    assert environment(tmp_path, f"          envFrom: [{sources}, {more}]\n") == {
        "CART_HOST": "cart",
        "CART_PORT": "8080",
        "COLOUR": "red",
        "S_KEY": "open",
        "S_OLD": "new",
    }


def test_one_key_of_a_store_wins_over_all_of_them(tmp_path: Path) -> None:
    found = environment(
        tmp_path,
        "            - {name: COLOUR, valueFrom: {secretKeyRef: {name: keys, key: OLD}}}\n"
        "            - {name: NONE, valueFrom: {configMapKeyRef: {name: settings, key: x, optional: true}}}\n"
        "          envFrom: [{configMapRef: {name: settings}}]\n",
    )
    assert (found["COLOUR"], "NONE" in found) == ("new", False)


@pytest.mark.parametrize(
    ("container", "sentence"),
    [
        (
            "            - {name: A, valueFrom: {secretKeyRef: {name: elsewhere, key: KEY}}}\n",
            "names KEY of Secret elsewhere, which is not there; give A a value in the annotation",
        ),
        (
            "            - {name: A, valueFrom: {secretKeyRef: {name: keys, key: BINARY}}}\n",
            "names BINARY of Secret keys, which is not there; give A a value in the annotation",
        ),
        ("          envFrom: [{secretRef: {name: settings}}]\n", "names Secret settings, which is not there"),
    ],
)
def test_what_is_not_there(container: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=sentence):
        environment(tmp_path, container)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("b3Blbg==", "b3Blbg=", 'Secret keys: data.KEY is "b3Blbg=", but must be base64'),
        ("COLOUR: red", '"A=B": red', "must have a key of letters, digits, -, _ and . that Kubernetes takes"),
        ("COLOUR: red", "COLOUR: 3", "ConfigMap settings: data.COLOUR is 3, but must be a string"),
    ],
)
def test_stores_that_are_none(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        environment(tmp_path, "", STORES.replace(old, new))
    assert sentence in str(caught.value)
