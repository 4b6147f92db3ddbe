"""One run as a single file, for sharing: a ZIP archive of its files with a manifest."""

import io
import json
import re
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

from marskit.knowledge.format.file_names import file_of, is_run_file
from marskit.knowledge.format.tables import SCHEMA_VERSION
from marskit.knowledge.port import KnowledgeError
from marskit.knowledge.read.reading import Files, attempt
from marskit.knowledge.storage.store import open_store
from marskit.system.atomic_write import write_durably

FORMAT = 1
"""Version of the archive; readers refuse all others."""
MANIFEST = "manifest.json"
_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_MOST_BYTES = 16 * 10**9
_MOST_MANIFEST_BYTES = 10**7


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class _Manifest:
    format: int
    schema_version: int
    run: str
    files: tuple[_Member, ...]


def export_run(root: str | Path, run: str, to: Path) -> None:
    """Write that run into the new file `to`.

    Raises:
        KnowledgeError: The file exists, the run cannot be read, or a file of it is damaged.
    """
    if to.exists():
        raise KnowledgeError(f"{to}: this file exists already.")
    content = attempt(open_store(root), run, _archive)
    try:
        write_durably(to, content)
    except OSError as error:
        raise KnowledgeError(f"{to}: the run cannot be written there: {error.strerror}.") from error


def import_run(root: str | Path, file: Path) -> str:
    """Add the run that `export_run` wrote into `file`, whole or not at all; returns its id.

    Raises:
        KnowledgeError: The file is damaged, from another release or not a run; or the run exists already.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(file, archive)
            contents = {member.name: _content(file, archive, member) for member in manifest.files}
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise KnowledgeError(f"{file}: this is not an exported run, or it is damaged ({error}).") from error
    store = open_store(root)
    if manifest.run in store.runs():
        raise KnowledgeError(f"{file}: the run {manifest.run} is in {store.place} already.")
    try:
        store.take_in(manifest.run, contents)
    except OSError as error:
        raise KnowledgeError(f"{store.place}: the run cannot be stored there: {error.strerror}.") from error
    return manifest.run


def _archive(files: Files) -> bytes:
    files.head()  # a run of another schema version is refused
    names = [*files.heads, *(file.name for file in files.files)]
    members: list[_Member] = []
    content = io.BytesIO()
    # Parquet is compressed already.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            if (wrong := files.wrong_with(name)) is not None:
                raise KnowledgeError(f"{wrong.rstrip('.')}; `runs --check` sets it aside.")
            data = files.store.read(files.run, name)
            members.append(_Member(name, len(data), zlib.crc32(data)))
            archive.writestr(name, data)
        manifest = _Manifest(FORMAT, SCHEMA_VERSION, files.run, tuple(members))
        archive.writestr(MANIFEST, json.dumps(asdict(manifest), indent=1))
    return content.getvalue()


def _manifest(file: Path, archive: zipfile.ZipFile) -> _Manifest:
    try:
        with archive.open(MANIFEST) as stored:
            raw = json.loads(stored.read(_MOST_MANIFEST_BYTES))
        members = tuple(_Member(str(m["name"]), int(m["size"]), int(m["crc"])) for m in raw["files"])
        manifest = _Manifest(int(raw["format"]), int(raw["schema_version"]), str(raw["run"]), members)
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeError(f"{file}: its manifest is missing or damaged.") from error
    if (manifest.format, manifest.schema_version) != (FORMAT, SCHEMA_VERSION):
        raise KnowledgeError(
            f"{file}: it was exported by another release (format {manifest.format}, schema version "
            f"{manifest.schema_version}; this one reads {FORMAT} and {SCHEMA_VERSION})."
        )
    # Names become paths: none may lead outside the folder of its run.
    if _RUN.fullmatch(manifest.run) is None:
        raise KnowledgeError(f"{file}: {manifest.run!r} is not a run id.")
    for member in members:
        if file_of(member.name) is None and not is_run_file(member.name):
            raise KnowledgeError(f"{file}: {member.name!r} is not a file of a run.")
    if sum(member.size for member in members) > _MOST_BYTES:
        raise KnowledgeError(f"{file}: it contains more than {_MOST_BYTES // 10**9} GB.")
    return manifest


def _content(file: Path, archive: zipfile.ZipFile, member: _Member) -> bytes:
    try:
        with archive.open(member.name) as stored:
            # No more bytes than announced, however much it would unpack to.
            content = stored.read(member.size + 1)
    except KeyError as error:
        raise KnowledgeError(f"{file}: {member.name} is in its manifest but not in the archive.") from error
    if len(content) != member.size or zlib.crc32(content) != member.crc:
        raise KnowledgeError(f"{file}: {member.name} in it is damaged.")
    return content
