"""The TOML file for running foreign manifests here: a command per image, goals, bounds."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from marskit.mesh.manifests.fields import Field, FieldError, suggestion
from marskit.mesh.manifests.model import ManifestError, MeshConfig

INSTALLER = "npm"


@dataclass(frozen=True, slots=True)
class ImageMapping:
    """How containers of one image run as local processes; None and empty keep the manifests' values."""

    command: tuple[str, ...] | None = None
    port_env: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    directory: str | None = None
    readiness_path: str | None = None
    metrics_path: str | None = None
    packages: str | None = None


@dataclass(frozen=True, slots=True)
class SloMapping:
    """The objective of one service."""

    latency_p95_ms: float | None = None
    availability_percent: float | None = None


@dataclass(frozen=True, slots=True)
class ReplicaMapping:
    """The bounds within which one Deployment may be scaled."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class LocalMapping:
    """The whole file; it wins over annotations."""

    images: tuple[tuple[str, ImageMapping], ...] = ()
    slos: tuple[tuple[str, SloMapping], ...] = ()
    deployments: tuple[tuple[str, ReplicaMapping], ...] = ()

    def image(self, image: str) -> ImageMapping:
        """The entry of an image, by its exact name or else by its name without tag and digest."""
        known = dict(self.images)
        return known.get(image) or known.get(without_tag(image)) or ImageMapping()

    def slo(self, service: str) -> SloMapping:
        """The entry for a service's SLO."""
        return dict(self.slos).get(service, SloMapping())

    def replicas(self, deployment: str) -> ReplicaMapping:
        """The entry for a Deployment's bounds."""
        return dict(self.deployments).get(deployment, ReplicaMapping())


def without_tag(image: str) -> str:
    """`registry:5000/a/b` for `registry:5000/a/b:1.2@sha256:...`."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def load_mapping(file: Path) -> LocalMapping:
    """The mapping in a TOML file.

    Raises:
        ManifestError: The file cannot be read, is not TOML, or contains an unknown or wrong field.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{file}: the mapping file cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{file}: the mapping file is not TOML: {error}") from None
    try:
        tables = Field(content).fields(("images", "replicas", "slo"))
        return LocalMapping(
            images=tables.take("images", lambda f: tuple((k, _image(v)) for k, v in f.entries()), ()),
            slos=tables.take("slo", lambda f: tuple((k, _slo(v)) for k, v in f.entries()), ()),
            deployments=tables.take("replicas", lambda f: tuple((k, _bounds(v)) for k, v in f.entries()), ()),
        )
    except FieldError as error:
        raise ManifestError(f"{file}: {error}") from None


def check_mapping(config: MeshConfig, mapping: LocalMapping, file: Path) -> None:
    """Refuse a mapping that names objects missing from the manifests.

    Raises:
        ManifestError: An image, a service or a Deployment of the mapping is unknown.
    """
    images = {name for d in config.deployments for name in (d.image, without_tag(d.image))}
    known = (
        ("images", mapping.images, images),
        ("slo", mapping.slos, {service.name for service in config.services}),
        ("replicas", mapping.deployments, {deployment.name for deployment in config.deployments}),
    )
    for table, entries, names in known:
        for name, _ in entries:
            if name not in names:
                raise ManifestError(
                    f'{file}: {table}."{name}" names nothing in the manifests{suggestion(name, names)};'
                    f" they have {', '.join(sorted(names))}"
                )


def _image(field: Field) -> ImageMapping:
    entry = field.fields(
        ("command", "directory", "env", "metrics_path", "packages", "port_env", "readiness_path")
    )
    return ImageMapping(
        command=entry.take("command", command),
        port_env=entry.take("port_env", Field.text),
        env=entry.take("env", Field.pairs, ()),
        directory=entry.take("directory", Field.text),
        packages=entry.take("packages", installer),
        readiness_path=entry.take("readiness_path", url_path),
        metrics_path=entry.take("metrics_path", url_path),
    )


def command(field: Field) -> tuple[str, ...]:
    """A command line as a list of words."""
    return tuple(word.text() for word in field.some("word"))


def installer(field: Field) -> str:
    """What installs the packages of a working directory."""
    if field.text() != INSTALLER:
        raise field.error(f"{INSTALLER}, the only installer that is known")
    return INSTALLER


def url_path(field: Field) -> str:
    """A path that begins with a slash."""
    if not field.text().startswith("/"):
        raise field.error("a path that begins with /")
    return field.text()


def _slo(field: Field) -> SloMapping:
    entry = field.fields(("availability_percent", "latency_p95_ms"))
    return SloMapping(
        latency_p95_ms=entry.take("latency_p95_ms", lambda f: f.number(1, 3_600_000)),
        availability_percent=entry.take("availability_percent", lambda f: f.number(0, 100)),
    )


def _bounds(field: Field) -> ReplicaMapping:
    entry = field.fields(("max", "min"))
    bounds = ReplicaMapping(entry.take("min", Field.integer), entry.take("max", lambda f: f.integer(1)))
    if bounds.minimum is not None and bounds.maximum is not None and bounds.minimum > bounds.maximum:
        raise FieldError(
            (*field.path, "min"), f"is {bounds.minimum}, but must be at most max, {bounds.maximum}"
        )
    return bounds
