"""YAML means what it means to Kubernetes, which is neither YAML 1.1 nor YAML 1.2."""

import math
from itertools import product
from pathlib import Path

import pytest

from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from marskit.mesh.manifests.yaml_scalars import key_text, resolve
from tests.mesh.manifests.desk import DESK, MAPPING, told, told_of

TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
NULL = ("", "~", "null", "Null", "NULL")
NUMBERS = {
    "0": 0, "7": 7, "-7": -7, "+7": 7, "1_000": 1000, "-1__0": -10, "0x1F": 31, "0X1f": 31, "-0x1f": -31,
    "0b1": 1, "-0b11": -3, "0o17": 15, "0777": 511, "08": 8.0, "09.5": 9.5, "81111e1": 811110.0,
    "12e03": 12000.0,
    ".5": 0.5, "-.5": -0.5, "1.": 1.0, "1e-1": 0.1, "1E+2": 100.0, "1_0.5": 10.5, ".5e1": 5.0,
    "18446744073709551615": 2**64 - 1, "18446744073709551616": 2.0**64, "0x10000000000000000": 2**64,
    "0777777777777777777777777": float("0777777777777777777777777"),
}  # fmt: skip
TEXTS = (
    *(
        "22:15",
        "1:2:3",
        "190:20:30.15",
        "2026-01-01",
        "2026-01-01T10:00:00Z",
        "tRUE",
        "yEs",
        "nULL",
        "Oui",
        "nO",
    ),
    *(
        "0x",
        "0b",
        "0b2",
        "0o8",
        "1e",
        "e1",
        "1e400",
        "-",
        "+",
        ".",
        "..",
        "_1",
        "0x1p4",
        "1.2.3",
        "--1",
        "1-2",
    ),
    *(
        ".INf",
        "+.nan",
        "inf",
        "nan",
        "NaN",
        "Infinity",
        "1,000",
        "٣",
        "<<",
        "=",
        "-0x10000000000000000",
        "._5",
    ),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [*product(TRUE, (True,)), *product(FALSE, (False,)), *product(NULL, (None,)), *NUMBERS.items()],
)
def test_plain_scalars(text: str, value: object) -> None:
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", TEXTS)
def test_what_stays_a_string(text: str) -> None:
    assert resolve(text) == text


def test_infinities_and_no_numbers() -> None:
    assert [resolve(text) for text in (".inf", "+.Inf", "-.INF")] == [math.inf, math.inf, -math.inf]
    assert math.isnan(float(resolve(".NaN") or 0))


@pytest.mark.parametrize(
    ("text", "key"),
    [("y", "true"), ("off", "false"), ("0x10", "16"), ("08", "8"), ("1.5", "1.5"), ("81111e1", "811110"),
     ("1e6", "1e+06"), ("1e-5", "1e-05"), ("1e40", ".inf"), (".nan", ".nan"), ("0.1", "0.1"),
     ("22:15", "22:15")],
)  # fmt: skip
def test_keys_become_those_of_json(text: str, key: str) -> None:
    assert key_text(resolve(text)) == key


def mesh(folder: Path, value: str) -> list[str]:
    """What is said of a Deployment that has a variable with that value."""
    deployment, *_ = (DESK / "mesh.yaml").read_text(encoding="utf-8").split("---")
    assert deployment.count("value: desk}") == 1
    text = deployment.replace("value: desk}", f"value: {value}}}")
    return told_of(folder, text.replace("metadata: {name: desk}", "metadata: {name: other}"))


@pytest.mark.parametrize("value", ["y", "off", "8", "08", "12e03", ".5", "0x1F", "1_000", "81111e1", "True"])
def test_what_is_no_string_is_refused_where_one_belongs(value: str, tmp_path: Path) -> None:
    (sentence,) = mesh(tmp_path, value)
    assert sentence.startswith("spec.template.spec.containers[0].env[0].value is ")
    assert sentence.endswith("but must be a string: write it in quotes")


@pytest.mark.parametrize("value", ["22:15", "2026-01-01", '"y"', "'08'", "!!str 8", "1.2.3"])
def test_strings_are_taken(value: str, tmp_path: Path) -> None:
    assert mesh(tmp_path, value) == []


def test_numbers_are_taken_where_they_belong(tmp_path: Path) -> None:
    for status in ("0xC8", "2e2", "200.0", "2_00", "0310"):
        assert told(tmp_path, f"directResponse: {{status: {status}}}") == []


@pytest.mark.parametrize("value", [".inf", "-.Inf", ".nan"])
def test_what_json_has_no_number_for_is_refused(value: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{b: {value}}}\n"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        load_mesh([DESK, file], mapping=MAPPING)
    assert str(caught.value) == (
        f"{file}:4: {value} is not a number that Kubernetes takes: write it in quotes"
    )
