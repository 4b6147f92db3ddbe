"""The common part of every Kubernetes object: identity, labels and annotations."""

from dataclasses import dataclass

from marskit.mesh.manifests.fields import Field, FieldError, Fields, suggestion

OBJECT_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
OUR_ANNOTATIONS = "marskit.dev/"

_FIELDS = (
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The relevant part of an ObjectMeta."""

    name: str | None
    namespace: str | None
    labels: tuple[tuple[str, str], ...]
    annotations: Fields


def read_metadata(field: Field, ours: tuple[str, ...] = ()) -> Metadata:
    """An ObjectMeta; `ours` are the `marskit.dev/` annotations allowed there."""
    meta = field.fields(_FIELDS)
    return Metadata(
        name=meta.take("name", Field.text),
        namespace=meta.take("namespace", Field.dns_name),
        labels=meta.take("labels", Field.pairs, ()),
        annotations=meta.take("annotations", lambda f: _annotations(f, ours), Fields(field, {})),
    )


def object_spec(root: Field) -> Field:
    """The `spec` of an object whose other parts have been read."""
    return root.fields(OBJECT_FIELDS).need("spec", lambda f: f)


def _annotations(field: Field, ours: tuple[str, ...]) -> Fields:
    allowed = [f"{OUR_ANNOTATIONS}{name}" for name in ours]

    def check(value: Field) -> Field:
        key = str(value.path[-1])
        value.any_text()
        if ours and key.startswith(OUR_ANNOTATIONS) and key not in allowed:
            raise FieldError(
                value.path,
                f"is not an annotation of marskit{suggestion(key, allowed)};"
                f" allowed here: {', '.join(allowed)}",
            )
        return value

    return Fields(field, dict(field.named(check)))


def object_metadata(root: Field, ours: tuple[str, ...] = ()) -> Metadata:
    """The `metadata` of an object."""
    return root.fields(OBJECT_FIELDS).need("metadata", lambda f: read_metadata(f, ours))
