"""Whatever stands in a manifest, it loads or is refused with one sentence: nothing else may come out."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from marskit.domain.actions import SetTimeout
from marskit.mesh.manifests.edit import preview_action
from marskit.mesh.manifests.graph import calls, configuration, goals, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError
from marskit.mesh.port import ActionError
from tests.mesh.manifests.shop import SHOP

DOCUMENTS: list[Any] = list(yaml.safe_load_all(SHOP.read_text(encoding="utf-8")))

scalars = st.none() | st.booleans() | st.integers(-2, 100_000) | st.floats() | st.text(max_size=8)
values = st.recursive(
    scalars | st.sampled_from(["*", "cart", "front", "1s", "..", "a.b.c", "cart.shop"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all values in a tree."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


PLACES = [path for path in places(DOCUMENTS) if len(path) > 1]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "mesh.yaml"


def mutated(changes: list[tuple[tuple[str | int, ...], Any]], *, drop: bool) -> str:
    documents = copy.deepcopy(DOCUMENTS)
    for (*above, last), value in changes:
        parent: Any = documents
        try:
            for part in above:
                parent = parent[part]
            if drop:
                del parent[last]
            else:
                parent[last] = value
        except (KeyError, IndexError, TypeError):
            # An earlier change took the place away.
            continue
    return yaml.safe_dump_all(documents)


def complaint(file: Path) -> str | None:
    try:
        config = load_mesh([file])
    except ManifestError as error:
        return str(error)
    topology(config)
    configuration(config)
    goals(config)
    calls(config)
    try:
        preview_action(config, SetTimeout("cart", 1, 5000))
    except ActionError as error:
        return f"{file}: {error}"
    return None


@settings(max_examples=100)
@given(
    changes=st.lists(st.tuples(st.sampled_from(PLACES), values), min_size=1, max_size=2), drop=st.booleans()
)
def test_a_changed_manifest_loads_or_is_refused(
    file: Path,
    changes: list[tuple[tuple[str | int, ...], Any]],
    drop: bool,  # noqa: FBT001 -- drawn by name
) -> None:
    file.write_text(mutated(changes, drop=drop), encoding="utf-8")
    said = complaint(file)
    assert all(line.startswith(str(file)) for line in (said or "").splitlines())
