"""The exercises of notebook 09: manifests of one's own."""

from pathlib import Path

from marskit.course.exercise import Exercise
from marskit.course.judging import CheckError, Several
from marskit.demo import EXAMPLES
from marskit.errors import UserError
from marskit.mesh.manifests.graph import configuration, topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig

_BOOKSHOP = EXAMPLES / "bookshop"
_SPLIT = {"v1": 75, "v3": 25}


def _bookshop(*layers: Path) -> MeshConfig:
    return load_mesh([_BOOKSHOP / "manifests"], layers=layers, mapping=_BOOKSHOP / "marskit.toml")


def _callers() -> set[str]:
    return {edge.source for edge in topology(_bookshop()).edges if edge.service == "ratings"}


def _layer(given: object) -> str | None:
    """Judges a file of manifests that is laid over the bookshop's."""
    if not isinstance(given, str | Path):
        raise CheckError(f"The answer is the name of a file; this is of type {type(given).__name__}.")
    file = Path(given).absolute()
    if not file.is_file():
        raise CheckError(f"There is no file {given}; run the cell that writes it first.")
    try:
        routes = configuration(_bookshop(file)).routes
    except UserError as error:
        return str(error)
    split = {
        destination.subset: destination.weight_percent
        for route in routes
        for destination in route.destinations
        if destination.service == "reviews"
    }
    if split == _SPLIT:
        return None
    words = ", ".join(f"{subset} {weight} %" for subset, weight in split.items())
    return f"The weights of the route to reviews are: {words or 'none'}."


OWN_MESH = {
    "09.1": Exercise(
        Several(_callers, "names of workloads", str),
        "Look at the edges of lab.state.started.topology whose service is ratings.",
        "Who calls whom",
        "The call graph is in the variables of the Deployments; nobody had to draw it.",
    ),
    "09.2": Exercise(
        _layer,
        "Two destinations, of the subsets v1 and v3, with weights that add up to 100.",
        "A layer of your own",
        "The same file works on a cluster with kubectl apply.",
    ),
}
"""The exercises by number."""
