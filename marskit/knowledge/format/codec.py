"""Converts domain records to JSON and back without loss, using only their types.

Dataclasses become objects, tuples arrays, enumerations their values; mappings contain any JSON. A
member of a union of dataclasses carries its class name as `kind`. Numbers that JSON lacks become the
strings `NaN`, `Infinity` and `-Infinity`. Integers have 64 bits.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints, overload

import orjson

T = TypeVar("T")

KIND = "kind"
"""The key that names the union member of an object."""

_NOT_FINITE = ("NaN", "Infinity", "-Infinity")

_Convert = Callable[[Any], Any]


class CodecError(ValueError):
    """JSON that does not match the record: one sentence with the place, what was found and expected."""


def dumps(value: object, kind: Any) -> str:
    """A value of the type `kind`, which may be a union, as one line of JSON."""
    return orjson.dumps(_encoder(kind)(value)).decode()


@overload
def loads(text: str, kind: type[T]) -> T: ...
@overload
def loads(text: str, kind: UnionType) -> Any: ...
def loads(text: str, kind: Any) -> Any:
    """The value of the type `kind` that `dumps` wrote.

    Raises:
        CodecError: The text is not JSON, or not a record of that type.
    """
    try:
        found = orjson.loads(text)
    except ValueError as error:
        raise CodecError(f"This is not JSON: {error}.") from error
    try:
        return _decoder(kind)(found)
    except _Mismatch as mismatch:
        name = getattr(kind, "__name__", str(kind))
        place = "".join(reversed(mismatch.place)).removeprefix(".") or "the value itself"
        raise CodecError(
            f"{name}, at {place}: found {mismatch.found}, expected {mismatch.expected}."
        ) from None


class _Mismatch(Exception):
    """A mismatch; every level it passes through adds its own place."""

    def __init__(self, found: object, expected: str) -> None:
        super().__init__(expected)
        text = orjson.dumps(found).decode()
        self.found = text if len(text) <= 60 else f"{text[:57]}..."
        self.expected = expected
        self.place: list[str] = []


def _members(kind: Any) -> tuple[Any, ...] | None:
    """The members of a union, or None."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else None


def _tagged(members: tuple[type, ...]) -> dict[str, type]:
    """The dataclasses that need a tag because the union has several."""
    records: dict[str, type] = {member.__name__: member for member in members if is_dataclass(member)}
    return records if len(records) > 1 else {}


def _same(value: Any) -> Any:
    return value


@cache
def _encoder(kind: Any) -> _Convert:
    if kind is float:
        return _encode_float
    if kind in (str, int, bool, NoneType):
        return _same
    if (members := _members(kind)) is not None:
        return _union_encoder(members)
    if get_origin(kind) is tuple:
        return _tuple_encoder(get_args(kind))
    if get_origin(kind) is Mapping:
        return dict
    if is_dataclass(kind):
        return _record_encoder(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value.value
    raise TypeError(f"the codec does not know {kind}")


def _encode_float(value: float) -> float | str:
    if isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _union_encoder(members: tuple[Any, ...]) -> _Convert:
    tagged = _tagged(members)
    if tagged:
        encoders = {record: (name, _encoder(record)) for name, record in tagged.items()}

        def encode_tagged(value: Any) -> Any:
            if value is None:
                return None
            name, encode = encoders[type(value)]
            return {KIND: name, **encode(value)}

        return encode_tagged
    (encode,) = {_encoder(member) for member in members if member is not NoneType}
    return encode if encode is _same else lambda value: None if value is None else encode(value)


def _tuple_encoder(items: tuple[Any, ...]) -> _Convert:
    if len(items) == 2 and items[1] is Ellipsis:
        encode = _encoder(items[0])
        return list if encode is _same else lambda value: [encode(item) for item in value]
    encoders = tuple(_encoder(item) for item in items)
    return lambda value: [encode(item) for encode, item in zip(encoders, value, strict=True)]


def _record_encoder(record: Any) -> _Convert:
    # Written out as dataclasses write their methods: a loop over the fields would take twice as long.
    hints = get_type_hints(record)
    scope: dict[str, Any] = {"isfinite": isfinite, "word": _encode_float}
    parts: list[str] = []
    for number, field in enumerate(fields(record)):
        convert, expression = _encoder(hints[field.name]), f"value.{field.name}"
        if convert is _encode_float:
            expression = f"x if isfinite(x := {expression}) else word(x)"
        elif convert is not _same:
            scope[f"encode_{number}"] = convert
            expression = f"encode_{number}({expression})"
        parts.append(f"{field.name!r}: {expression}")
    encode: _Convert = eval(f"lambda value: {{{', '.join(parts)}}}", scope)
    return encode


@cache
def _decoder(kind: Any) -> _Convert:
    if kind is float:
        return _decode_float
    if kind in (str, int, bool, NoneType):
        return _primitive_decoder(kind)
    if (members := _members(kind)) is not None:
        return _union_decoder(members)
    if get_origin(kind) is tuple:
        return _tuple_decoder(get_args(kind))
    if get_origin(kind) is Mapping:
        return _mapping_decoder
    if is_dataclass(kind):
        return _record_decoder(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum_decoder(kind)
    raise TypeError(f"the codec does not know {kind}")


def _decode_float(found: Any) -> float:
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        return float(found)
    if isinstance(found, str) and found in _NOT_FINITE:
        return float(found)
    raise _Mismatch(found, "a number")


_EXPECTED = {str: "a string", int: "a whole number", bool: "true or false", NoneType: "null"}


def _primitive_decoder(kind: type) -> _Convert:
    def decode(found: Any) -> Any:
        if type(found) is not kind:
            raise _Mismatch(found, _EXPECTED[kind])
        return found

    return decode


def _mapping_decoder(found: Any) -> Any:
    if not isinstance(found, dict):
        raise _Mismatch(found, "an object")
    return found


def _enum_decoder(kind: type[Enum]) -> _Convert:
    by_value = {member.value: member for member in kind}

    def decode(found: Any) -> Any:
        if not isinstance(found, str) or found not in by_value:
            raise _Mismatch(found, f"one of {', '.join(by_value)}")
        return by_value[found]

    return decode


def _union_decoder(members: tuple[Any, ...]) -> _Convert:
    optional = NoneType in members
    tagged = {name: _decoder(record) for name, record in _tagged(members).items()}
    plain = None if tagged else _decoder(next(member for member in members if member is not NoneType))

    def decode(found: Any) -> Any:
        if found is None and optional:
            return None
        if plain is not None:
            return plain(found)
        if not isinstance(found, dict) or found.get(KIND) not in tagged:
            raise _Mismatch(found, f"an object whose {KIND} is one of {', '.join(tagged)}")
        return tagged[found.pop(KIND)](found)

    return decode


def _tuple_decoder(items: tuple[Any, ...]) -> _Convert:
    if len(items) == 2 and items[1] is Ellipsis:
        return _many_decoder(_decoder(items[0]))
    decoders = tuple(_decoder(item) for item in items)

    def decode(found: Any) -> Any:
        if not isinstance(found, list) or len(found) != len(decoders):
            raise _Mismatch(found, f"an array of {len(decoders)}")
        made: list[Any] = []
        try:
            for convert, item in zip(decoders, found, strict=True):
                made.append(convert(item))  # its length locates a failure
        except _Mismatch as mismatch:
            mismatch.place.append(f"[{len(made)}]")
            raise
        return tuple(made)

    return decode


def _many_decoder(convert: _Convert) -> _Convert:
    def decode(found: Any) -> Any:
        if not isinstance(found, list):
            raise _Mismatch(found, "an array")
        made: list[Any] = []
        try:
            for item in found:
                made.append(convert(item))  # its length locates a failure
        except _Mismatch as mismatch:
            mismatch.place.append(f"[{len(made)}]")
            raise
        return tuple(made)

    return decode


def _record_decoder(record: Any) -> _Convert:
    hints = get_type_hints(record)
    decoders: dict[str, _Convert] = {}
    required: set[str] = set()

    def decode(found: Any) -> Any:
        if not isinstance(found, dict):
            raise _Mismatch(found, f"a {record.__name__} object")
        if missing := required - found.keys():
            raise _Mismatch(found, f"the field {min(missing)}")
        if unknown := found.keys() - decoders.keys():
            raise _Mismatch(min(unknown), f"only the fields {', '.join(decoders)}")
        name = ""
        try:
            for name, value in found.items():
                found[name] = decoders[name](value)
        except _Mismatch as mismatch:
            mismatch.place.append(f".{name}")
            raise
        return record(**found)

    for field in fields(record):
        decoders[field.name] = _decoder(hints[field.name])
        if field.default is MISSING and field.default_factory is MISSING:
            required.add(field.name)
    return decode
