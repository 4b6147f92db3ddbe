"""ConfigMaps and Secrets, and the variables that containers take from them."""

import base64
import binascii
import re
from collections.abc import Iterable

from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.metadata import OBJECT_FIELDS
from marskit.mesh.manifests.workloads import KeyValues

CONFIG_MAP, SECRET = "ConfigMap", "Secret"

_KEY = re.compile(r"[-._a-zA-Z0-9]+")
Pairs = tuple[tuple[str, str], ...]


def config_map(root: Field, name: str, namespace: str) -> KeyValues:
    """A ConfigMap; its binary data can only be mounted."""
    fields = root.fields((*OBJECT_FIELDS, "binaryData", "data", "immutable"))
    return KeyValues(CONFIG_MAP, name, namespace, fields.take("data", _plain, ()))


def secret(root: Field, name: str, namespace: str) -> KeyValues:
    """A Secret; its plain-text part takes precedence, as in Kubernetes."""
    fields = root.fields((*OBJECT_FIELDS, "data", "immutable", "stringData", "type"))
    encoded = fields.take("data", _encoded, ())
    plain = fields.take("stringData", _plain, ())
    return KeyValues(SECRET, name, namespace, tuple((dict(encoded) | dict(plain)).items()))


def _plain(field: Field) -> Pairs:
    return field.named(lambda item: _checked(item).any_text())


def _encoded(field: Field) -> Pairs:
    decoded = field.named(lambda item: _decoded(_checked(item)))
    return tuple((key, text) for key, text in decoded if text is not None)


def _checked(field: Field) -> Field:
    if not _KEY.fullmatch(str(field.path[-1])):
        raise FieldError(field.path, "must have a key of letters, digits, -, _ and . that Kubernetes takes")
    return field


def _decoded(field: Field) -> str | None:
    """The text encoded as base64; None for bytes that are not text, which can only be mounted."""
    try:
        data = base64.b64decode("".join(field.any_text().split()), validate=True)
    except (binascii.Error, ValueError):
        raise field.error("base64") from None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


class Stores:
    """The ConfigMaps and Secrets that the pods of one namespace can take variables from."""

    def __init__(self, namespace: str, stores: Iterable[KeyValues] = ()) -> None:
        """Select those of the namespace from `stores`."""
        self._data = {
            (store.kind, store.name): dict(store.data) for store in stores if store.namespace == namespace
        }

    def everything(self, field: Field) -> Pairs:
        """The variables of an `envFrom` list; of several with one name, the last counts."""
        env: dict[str, str] = {}

        def read(item: Field) -> None:
            source = item.fields(("configMapRef", "prefix", "secretRef"))
            key = source.one_of("configMapRef", "secretRef")
            if key is None:
                raise FieldError(item.path, "must have one of configMapRef, secretRef")
            reference = source.children[key]
            parts = reference.fields(("name", "optional"))
            kind = CONFIG_MAP if key == "configMapRef" else SECRET
            prefix = source.take("prefix", Field.any_text, "")
            data = self._store(kind, parts.need("name", Field.text))
            if data is None and not parts.take("optional", Field.flag, False):
                name = parts.children["name"].value
                problem = f"names {kind} {name}, which is not there"
                raise FieldError(reference.path, problem, lacks=(kind, name))
            env.update({f"{prefix}{name}": value for name, value in (data or {}).items()})

        field.each(read)
        return tuple(env.items())

    def value(self, reference: Field, kind: str, hint: str) -> str | None:
        """The value of a `configMapKeyRef` or `secretKeyRef`; None if it is optional and missing.

        Raises:
            FieldError: It is missing; the message contains the hint.
        """
        parts = reference.fields(("key", "name", "optional"))
        name, key = parts.need("name", Field.text), parts.need("key", Field.text)
        found = (self._store(kind, name) or {}).get(key)
        if found is None and not parts.take("optional", Field.flag, False):
            problem = f"names {key} of {kind} {name}, which is not there; {hint}"
            raise FieldError(reference.path, problem, lacks=(kind, name))
        return found

    def _store(self, kind: str, name: str) -> dict[str, str] | None:
        return self._data.get((kind, name))
