"""The TOML file for running foreign manifests here: a command per image, goals, bounds."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marskit.errors import Complaint
from marskit.mesh.manifests.fields import Field, FieldError, collected, suggestion
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.report import Report
from marskit.system.toml_text import line_of, read_toml_text

INSTALLER = "npm"
MOST_REPLICAS = 1000
"""Of one Deployment: each is a process of this machine."""
MAPPING = "the mapping file"
"""Its kind among the objects that can be missed."""


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


def load_mapping(file: Path, report: Report) -> LocalMapping:
    """The mapping in a TOML file, or an empty one if the file is wrong."""
    report.reads(file)
    text, problem = read_toml_text(file, "the mapping file")
    if problem is not None:
        report.add(problem)
        report.failed(MAPPING)
        return LocalMapping()
    mapping, wrong = collected(tomllib.loads(text), _mapping)
    for error in wrong:
        report.add(Complaint(str(error), file, line_of(text, error.path)))
    if mapping is None:
        report.failed(MAPPING)
    return mapping or LocalMapping()


def _mapping(field: Field) -> LocalMapping:
    tables = field.fields(("images", "replicas", "slo"))
    return LocalMapping(
        images=tables.take("images", lambda f: f.named(_image), ()),
        slos=tables.take("slo", lambda f: f.named(_slo), ()),
        deployments=tables.take("replicas", lambda f: f.named(_bounds), ()),
    )


def check_mapping(config: MeshConfig, mapping: LocalMapping, file: Path, report: Report) -> None:
    """Complain about images, Services and Deployments of the mapping that are not in the manifests."""
    images = {name for d in config.deployments for name in (d.image, without_tag(d.image))}
    known: tuple[tuple[str, Sequence[tuple[str, object]], set[str], str, bool], ...] = (
        ("images", mapping.images, images, "Deployment", False),
        ("slo", mapping.slos, {service.name for service in config.services}, "Service", True),
        ("replicas", mapping.deployments, {d.name for d in config.deployments}, "Deployment", True),
    )
    for table, entries, names, kind, by_name in known:
        for name, _ in entries:
            if name not in names and not report.is_missed((kind, name if by_name else "")):
                sentence = (
                    f'{table}."{name}" names nothing in the manifests{suggestion(name, names)};'
                    f" they have {', '.join(sorted(names)) or 'none'}"
                )
                text = file.read_text(encoding="utf-8-sig")
                report.add(Complaint(sentence, file, line_of(text, (table, name))))


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
    bounds = ReplicaMapping(
        entry.take("min", lambda f: f.integer(0, MOST_REPLICAS)),
        entry.take("max", lambda f: f.integer(1, MOST_REPLICAS)),
    )
    if bounds.minimum is not None and bounds.maximum is not None and bounds.minimum > bounds.maximum:
        raise FieldError(
            (*field.path, "min"), f"is {bounds.minimum}, but must be at most max, {bounds.maximum}"
        )
    return bounds
