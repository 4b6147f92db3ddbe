"""Pod-template annotations and the mapping file: how a replica runs as a process of this machine."""

from marskit.mesh.manifests.fields import Field, FieldError, Fields
from marskit.mesh.manifests.mapping import ImageMapping, command, installer, url_path
from marskit.mesh.manifests.metadata import OUR_ANNOTATIONS
from marskit.mesh.manifests.workloads import LocalProcess

PORT_PLACEHOLDER = "{port}"

_COMMAND = f"{OUR_ANNOTATIONS}command"
_PORT_ENV = f"{OUR_ANNOTATIONS}port-env"
_ENV = f"{OUR_ANNOTATIONS}env"


def local_environment(annotations: Fields, override: ImageMapping) -> tuple[tuple[str, str], ...]:
    """The variables set on top of the container's own."""
    annotated = annotations.take(_ENV, lambda f: f.json().pairs(), ())
    return tuple((dict(annotated) | dict(override.env)).items())


def local_process(
    annotations: Fields, override: ImageMapping, env: tuple[tuple[str, str], ...]
) -> LocalProcess | None:
    """How a replica runs here, or None if that is not defined."""
    words = override.command or annotations.take(_COMMAND, lambda f: command(f.json()))
    if words is None:
        return None
    port_env = override.port_env or annotations.take(_PORT_ENV, Field.text)
    if port_env is None and _PORT_ENV not in annotations and not any(PORT_PLACEHOLDER in w for w in words):
        problem = (
            f"does not say how the process learns its port: put {PORT_PLACEHOLDER} into the command,"
            f" or set {_PORT_ENV} (port_env in the mapping file)"
        )
        annotations.parent.tell(FieldError((*annotations.parent.path, _COMMAND), problem))
    return LocalProcess(
        command=words,
        port_env=port_env,
        env=env,
        directory=override.directory or annotations.take(f"{OUR_ANNOTATIONS}directory", Field.text),
        chaos_path=annotations.take(f"{OUR_ANNOTATIONS}chaos-path", url_path),
        packages=override.packages or annotations.take(f"{OUR_ANNOTATIONS}packages", installer),
    )


def metrics_path(annotations: Fields) -> str | None:
    """Where Prometheus would scrape."""
    if annotations.take("prometheus.io/scrape", Field.any_text) != "true":
        return None
    return annotations.take("prometheus.io/path", url_path, "/metrics")
