"""Cross-checks of canaries: the control must exist, and traffic must be able to return to it."""

from collections.abc import Iterator

from marskit.mesh.manifests.fields import Lack, Path, suggestion
from marskit.mesh.manifests.findings import ROUTING, Finding, fatal
from marskit.mesh.manifests.istio import HttpRoute
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.selection import reached_by
from marskit.mesh.manifests.workloads import CANARY_OF, Deployment


def check_canaries(config: MeshConfig) -> Iterator[Finding]:
    """Check that each has a control, and a route on which its traffic can return to it."""
    path: Path = ("metadata", "annotations", CANARY_OF)
    for deployment in config.deployments:
        if deployment.canary_of is not None:
            mistake = _mistake(config, deployment, deployment.canary_of)
            if mistake is not None:
                sentence, lacks = mistake
                yield fatal("Deployment", deployment, path, sentence, lacks=lacks)


def _mistake(config: MeshConfig, canary: Deployment, name: str) -> tuple[str, Lack | None] | None:
    if name == canary.name:
        return f"{name} cannot be a canary of itself; name the Deployment that it is to replace", None
    control = next((each for each in config.deployments if each.name == name), None)
    if control is None:
        others = [each.name for each in config.deployments if each is not canary]
        sentence = (
            f"Deployment {name} does not exist{suggestion(name, others)}; choose from {', '.join(others)}"
        )
        return sentence, ("Deployment", name)
    if control.canary_of is not None:
        sentence = (
            f"{name} is a canary itself, of {control.canary_of}; name a Deployment that is not a canary"
        )
        return sentence, None
    routes = [route for service in config.virtual_services for route in service.http]
    if not any({canary.name, name} <= _alone(config, route) for route in routes):
        sentence = (
            f"no route of a VirtualService splits traffic between {canary.name} and {name}, so they cannot be"
            " compared; give both a destination with a subset that is theirs alone"
        )
        return sentence, (ROUTING, "")
    return None


def _alone(config: MeshConfig, route: HttpRoute) -> set[str]:
    """The Deployments that are alone in a destination of the route."""
    reached = [reached_by(config, destination) for destination in route.destinations]
    return {deployments[0].name for deployments in reached if len(deployments) == 1}
