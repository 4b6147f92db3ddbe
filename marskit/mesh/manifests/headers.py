"""Names and values of HTTP headers, as HTTP, Istio and Envoy allow them."""

import re

from marskit.mesh.manifests.fields import Field, FieldError, found
from marskit.mesh.manifests.header_commands import wrong_commands
from marskit.mesh.manifests.rules import AUTHORITY

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PSEUDO = (":authority", ":method", ":path", ":scheme", ":status")
_CLAIMS = "@request.auth"
_LONGEST_VALUE = 16_384


def check_matched(field: Field) -> None:
    """Refuse a condition whose key is not the name of a header."""
    name = str(field.path[-1])
    if name.lower().startswith(_CLAIMS):
        problem = "is a claim of a token and not a header; marskit's local mesh checks no tokens"
        raise FieldError(field.path, problem)
    if name not in _PSEUDO:
        _check_name(name, field)


def set_value(field: Field, settable: tuple[str, ...]) -> str:
    """The value of a header that is set or added; its name is the key."""
    name = str(field.path[-1])
    _check_changeable(name, field, settable)
    value = field.any_text()
    if _CONTROL.search(value):
        raise field.error("a value without control characters")
    if len(value.encode()) > _LONGEST_VALUE:
        raise field.error(f"a value of at most {_LONGEST_VALUE} bytes")
    wrong = next(wrong_commands(value), None)
    if wrong is not None:
        allowed = "a value in which every % is doubled or encloses a command of Envoy, such as %HOSTNAME%"
        raise field.error(f"{allowed}; {wrong} is none")
    return value


def removed_name(field: Field) -> str:
    """The name of a header that is removed."""
    _check_changeable(field.text(), field, ())
    return field.text()


def header_name(field: Field) -> str:
    """The name of an ordinary header."""
    _check_name(field.text(), field)
    return field.text()


def _check_changeable(name: str, field: Field, settable: tuple[str, ...]) -> None:
    if name.startswith(":") or name.lower() in AUTHORITY:
        if name.lower() not in settable:
            raise FieldError(field.path, f"would change {name}, but only a request's host can be set")
    else:
        _check_name(name, field)


def _check_name(name: str, field: Field) -> None:
    if not _NAME.fullmatch(name):
        is_key = name == field.path[-1]
        verb = "has a key that is not" if is_key else f"is {found(name)}, but must be"
        raise FieldError(field.path, f"{verb} the name of a header: letters, digits and !#$%&'*+-.^_`|~")
