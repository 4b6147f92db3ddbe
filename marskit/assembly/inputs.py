"""Reads all files of a run before anything starts, so that everything wrong in them is told at once."""

from collections.abc import Sequence
from pathlib import Path

from marskit.errors import InputError
from marskit.load.scenario import Scenario, load_scenario
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig


def read_inputs(
    manifests: Sequence[Path], mapping: Path | None, scenario: str | Path, *, layers: Sequence[Path] = ()
) -> tuple[MeshConfig, Scenario]:
    """The mesh and the scenario.

    Raises:
        ManifestError: Only manifests or the mapping file are wrong.
        ScenarioError: Only the scenario is wrong, or no scenario has that name.
        InputError: Both are wrong.
    """
    try:
        config = load_mesh(manifests, layers=layers, mapping=mapping)
    except InputError as of_mesh:
        try:
            load_scenario(scenario)
        except InputError as of_scenario:
            raise InputError(*of_mesh.complaints, *of_scenario.complaints) from None
        raise
    return config, load_scenario(scenario)
