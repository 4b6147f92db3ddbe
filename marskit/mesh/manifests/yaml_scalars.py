"""What a plain scalar of YAML means to Kubernetes, which differs from YAML 1.1 and from YAML 1.2.

Kubernetes reads YAML by sigs.k8s.io/yaml: go-yaml 2 resolves the scalars, and the result becomes JSON.
"""

import math
import re
import struct

import yaml

PREFIX = "tag:yaml.org,2002:"

PLAIN = f"{PREFIX}plain"
"""The tag that a scalar without quotes and without a tag is given; not one of YAML's."""
TEXT = f"{PREFIX}str"

_NO_TYPE = {"!": TEXT, f"{PREFIX}timestamp": TEXT}
_TYPES = {
    f"{PREFIX}int": "a whole number",
    f"{PREFIX}float": "a number",
    f"{PREFIX}bool": "true or false",
    f"{PREFIX}null": "empty",
}

_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_SPECIAL = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGERS = tuple(
    re.compile(rf"([-+]?){digits}")
    for digits in ("0[xX]([0-9a-fA-F]+)", "0[bB]([01]+)", "0[oO]?([0-7]+)", "(0|[1-9][0-9]*)")
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SINGLE_DIGITS = 9
_LARGEST_PLAIN_POWER = 6
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1

Scalar = str | int | float | bool | None


def scalar(node: yaml.ScalarNode) -> Scalar:
    """The value of a scalar with its tag.

    Raises:
        ValueError: The tag is not known, or the value is not of that type.
    """
    tag = _NO_TYPE.get(node.tag, node.tag)
    if tag == TEXT:
        return str(node.value)
    if tag == PLAIN:
        return resolve(node.value)
    if tag not in _TYPES:
        raise ValueError(f"the tag {node.tag} is not allowed there")
    value = resolve(node.value)
    if tag.endswith("float") and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    fits = {"int": int, "float": float, "bool": bool, "null": type(None)}[tag.removeprefix(PREFIX)]
    if type(value) is not fits:
        raise ValueError(f"the value with the tag {node.tag} must be {_TYPES[tag]}")
    return value


def resolve(text: str) -> Scalar:
    """The value of a scalar that is written without quotes and without a tag."""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text in _NULL:
        return None
    if text in _SPECIAL:
        return _SPECIAL[text]
    if text[0] == ".":
        return _number(text, text)
    # Timestamps begin with a digit too, but stay what is written; so do base-60 numbers such as 22:15.
    return _number(text.replace("_", ""), text) if text[0] in "+-0123456789" else text


def _number(plain: str, text: str) -> Scalar:
    found = next((m for pattern in _INTEGERS if (m := pattern.fullmatch(plain))), None)
    value = int(found[1] + found[2], _base(plain)) if found else None
    if value is not None and _SMALLEST <= value <= _LARGEST:
        return value
    if _FLOAT.fullmatch(plain):
        number = float(plain)
        return number if math.isfinite(number) else text
    # Beyond 64 bits, only an unsigned number in another base stays an integer.
    return text if found is None or found[1] else value


def _base(plain: str) -> int:
    digits = plain.lstrip("+-").lower()
    if digits[:1] != "0" or digits == "0":
        return 10
    return {"x": 16, "b": 2}.get(digits[1], 8)


def key_text(value: Scalar) -> str | None:
    """The key of a JSON object for a scalar of YAML; None if it cannot be one."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _short(value)


def _short(value: float) -> str:
    """A float as go-yaml writes a key: the fewest digits that tell it among floats of 32 bits."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    single = _single(value)
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    digits = next(n for n in range(_SINGLE_DIGITS) if _single(float(f"{single:.{n}e}")) == single)
    mantissa, _, exponent = f"{single:.{digits}e}".partition("e")
    power = int(exponent)
    if -4 <= power < _LARGEST_PLAIN_POWER:
        return f"{single:.{max(0, digits - power)}f}"
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02}"


def _single(value: float) -> float:
    """The nearest float of 32 bits."""
    try:
        (single,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(single)
