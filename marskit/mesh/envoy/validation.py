"""Envoy's own check of the configuration made of manifests, and where in them the part is that it refuses."""

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePath

from marskit.errors import Complaint
from marskit.mesh.envoy.binaries import envoy_binary
from marskit.mesh.envoy.refusals import reason_in
from marskit.mesh.envoy.resources.parts import Part, culprit, only, parts, value_of, with_value
from marskit.mesh.envoy.resources.render import expressible_listeners, render
from marskit.mesh.envoy.resources.static import static_configuration
from marskit.mesh.manifests.fields import Path as FieldPath
from marskit.mesh.manifests.fields import show
from marskit.mesh.manifests.model import Document, ManifestError, MeshConfig
from marskit.mesh.manifests.read import read_files
from marskit.mesh.manifests.report import Report
from marskit.mesh.manifests.selection import document_of
from marskit.mesh.port import MeshError

TIMEOUT_S = 30.0
_PREFIX = re.compile(r"^error initializing configuration '[^']*': ")
MOST_COMPLAINTS = 10
"""The search for further parts ends there: each takes a few runs of Envoy, of a tenth of a second each."""


def refusal(config: MeshConfig) -> ManifestError | None:
    """What Envoy refuses, each with file, line and field; None if it takes the configuration.

    Raises:
        MeshError: Envoy is not installed, or its check does not end.
    """
    judge = _Judge(envoy_binary())
    if not (reason := judge.reason(config)):
        return None
    complaints = [
        _complaint(config, part, path, why) for part, path, why in judge.culprits(config, parts(config))
    ]
    # Every part alone may be right, and wrong only beside another.
    return ManifestError(*complaints or (f"Envoy refuses the configuration: {reason}",))


class _Judge:
    """Asks Envoy about configurations."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary

    def reason(self, config: MeshConfig) -> str:
        """Envoy's reason to refuse a configuration; empty if it takes it."""
        listeners = expressible_listeners(config)
        files = render(
            config,
            listeners=listeners,
            ports={listener.name: listener.port for listener in listeners},
            endpoints=(),
            directory=PurePath(),
            probe_token="token",
        )
        with tempfile.TemporaryDirectory(prefix="marskit-") as folder:
            bootstrap, log = Path(folder) / "bootstrap.json", Path(folder) / "envoy.log"
            bootstrap.write_text(json.dumps(static_configuration(files, listeners)), encoding="utf-8")
            command = (str(self._binary), "--mode", "validate", "-c", str(bootstrap), "--disable-hot-restart")
            node = ("--service-cluster", "marskit", "--service-node", "marskit", "-l", "warning")
            with log.open("wb") as output:
                try:
                    done = subprocess.run(
                        (*command, *node), stdout=output, stderr=output, timeout=TIMEOUT_S, check=False
                    )
                except (OSError, subprocess.TimeoutExpired) as error:
                    raise MeshError(f"Envoy cannot check the configuration: {error}") from None
            if done.returncode == 0:
                return ""
            reason = _PREFIX.sub("", reason_in(log, 0))
            return reason or f"it ended with exit code {done.returncode}"

    def culprits(self, config: MeshConfig, suspects: Sequence[Part]) -> list[tuple[Part, FieldPath, str]]:
        """The parts that Envoy refuses even alone: each with the field, and the reason."""
        reason = self.reason(only(config, suspects)) if suspects else ""
        if not reason:
            return []
        if len(suspects) == 1:
            [part] = suspects
            alone = only(config, suspects)
            value = value_of(config, part)
            path = culprit(
                value, part.path, accepts=lambda other: self._takes(with_value(alone, part, other))
            )
            return [(part, path, reason)]
        middle = len(suspects) // 2
        found = self.culprits(config, suspects[:middle])
        if len(found) < MOST_COMPLAINTS:
            found += self.culprits(config, suspects[middle:])
        return found[:MOST_COMPLAINTS]

    def _takes(self, config: MeshConfig) -> bool:
        try:
            return not self.reason(config)
        except ManifestError:
            # Something else became wrong by what was left out.
            return False


def _complaint(config: MeshConfig, part: Part, path: FieldPath, reason: str) -> Complaint:
    document = document_of(config, part.kind, part.namespace, part.name)
    sentence = f"{part.kind} {part.name}: {show(path)} is refused by Envoy: {reason}"
    return Complaint(sentence, document.file, _line(document, path))


def _line(document: Document, path: FieldPath) -> int:
    """The line of the field, as far as its file still is what it was."""
    for source in read_files([document.file], Report()) if document.file.is_file() else ():
        if source.line() == document.line:
            return source.line(path)
    return document.line
