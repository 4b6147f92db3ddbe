"""Seeded mutations of text files: of their structure, their spelling and their bytes."""

import copy
import json
import random
import re
import tomllib
from typing import Any

import yaml

ODD_TEXTS = (
    *(
        "",
        " ",
        "*",
        "..",
        "a.b.c",
        "cart.shop",
        "-1",
        "0x1F",
        "1e400",
        "%",
        "%20",
        "(",
        "a++",
        "\\",
        "{{port}}",
    ),
    *(
        "\u0000",
        "\u0007",
        "\n",
        "\u2028",
        "\ud83d\ude00",
        "Zoë",
        "\ufeff",
        "a" * 300,
        "x" * 70_000,
        "$(A)",
        "null",
    ),
    *(
        "22:15",
        "y",
        "no",
        "~",
        "2026-01-01",
        "1_000",
        "@request.auth.claims.a",
        "localhost:80",
        "*.a",
        "a.*",
        "/a",
    ),
    *("1s", "0s", "99999999h", "1ns", "250000u", "1Ki", "-5m", "5xx,503", "http", "[]", "{}", "=", "A=B"),
)
ODD_NUMBERS = (0, -1, 1, 2, 101, 65_536, 2**31, 2**32, 2**63, 2**64, 10**40, 0.5, -0.0, 1e-9, 1e300)
OPENERS = (
    b"{",
    b"[",
    b"&a ",
    b"*a",
    b"- ",
    b"? ",
    b"!!int ",
    b"<<: ",
    b"\t",
    b"---\n",
    b"%YAML 9.9\n",
    b'"',
    b"'",
)


def value(source: random.Random, depth: int = 3) -> Any:
    """Any value that YAML and JSON have."""
    kind = source.randrange(8 if depth else 6)
    if kind == 6:
        return [value(source, depth - 1) for _ in range(source.randrange(4))]
    if kind == 7:
        return {source.choice(ODD_TEXTS)[:40]: value(source, depth - 1) for _ in range(source.randrange(4))}
    if kind < 3:
        return source.choice(ODD_TEXTS)
    return source.choice(ODD_NUMBERS) if kind < 5 else source.choice((None, True, False))


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container with every key or position in it."""
    if isinstance(tree, dict):
        entries = list(tree.items())
    elif isinstance(tree, list):
        entries = list(enumerate(tree))
    else:
        return []
    return [(tree, key) for key, _ in entries] + [place for _, item in entries for place in places(item)]


def mutate_tree(source: random.Random, tree: Any) -> Any:
    """A changed copy: values replaced, removed, duplicated, moved or nested, keys renamed."""
    tree = copy.deepcopy(tree)
    for _ in range(source.randrange(1, 4)):
        found = places(tree)
        if not found:
            break
        parent, key = source.choice(found)
        match source.randrange(8):
            case 0 | 1 | 2:
                parent[key] = value(source)
            case 3:
                del parent[key]
            case 4:
                _, other = source.choice(found)
                place, _ = source.choice(found)
                parent[key] = copy.deepcopy(place) if source.random() < 0.3 else copy.deepcopy(other)
            case 5 if isinstance(parent, dict):
                parent[source.choice((*ODD_TEXTS[:40], f"{key}s", str(key)[:-1]))] = parent.pop(key)
            case 6 if isinstance(parent, list):
                parent.insert(source.randrange(len(parent) + 1), copy.deepcopy(parent[key]))
            case _:
                nested = parent[key]
                for _ in range(source.choice((1, 3, 60))):
                    nested = [nested] if source.random() < 0.5 else {"a": nested}
                parent[key] = nested
    return tree


def mutate_bytes(source: random.Random, data: bytes) -> bytes:
    """Bytes with noise, cuts and repeated parts."""
    for _ in range(source.randrange(1, 4)):
        at = source.randrange(len(data) + 1)
        end = min(len(data), at + source.choice((1, 2, 8, 64, 1000)))
        match source.randrange(7):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + data[end:]
            case 2:
                data = data[:at] + source.randbytes(end - at) + data[end:]
            case 3:
                data = data[:end] + data[at:end] * source.choice((1, 2, 50)) + data[end:]
            case 4:
                data = data[:at] + source.choice(OPENERS) * source.choice((1, 1, 500, 5000)) + data[at:]
            case 5:
                data = source.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\r\n")) + data
            case _:
                data = data[:at] + source.choice(ODD_TEXTS).encode("utf-8", "surrogatepass") + data[at:]
    return data


def _respelt(source: random.Random, text: str) -> str:
    """The text with some plain scalars spelt otherwise: numbers of other bases, tags, truth values."""
    spellings = (
        "0x10",
        "0b1",
        "08",
        ".5",
        "1e3",
        "yes",
        "off",
        "~",
        "!!str 1",
        "!!binary aGk=",
        ".inf",
        ".nan",
        "1_0",
    )
    return re.sub(
        r"(?m)(?<=: )[^\s{\[&*'\"|>][^\n#]*$",
        lambda old: source.choice(spellings) if source.random() < 0.05 else old[0],
        text,
    )


def mutate_yaml(source: random.Random, text: str) -> bytes:
    """YAML with a changed structure, other spellings, or noise."""
    documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    kind = source.randrange(4)
    if kind < 2:
        changed = mutate_tree(source, documents)
        flow = source.choice((None, True, False))
        written: str = yaml.safe_dump_all(
            changed if isinstance(changed, list) else [changed], default_flow_style=flow, allow_unicode=True
        )
        if kind:
            written = _respelt(source, written)
        return written.encode("utf-8", "surrogatepass")
    if kind == 2:
        return _respelt(source, text).encode()
    return mutate_bytes(source, text.encode())


def _toml(tree: Any) -> str:
    """A TOML document: inline, so that any nesting of values can be written."""
    return "\n".join(f"{json.dumps(str(key))} = {_inline(item)}" for key, item in tree.items())


def _inline(item: Any) -> str:
    if isinstance(item, dict):
        return (
            "{" + ", ".join(f"{json.dumps(str(key))} = {_inline(part)}" for key, part in item.items()) + "}"
        )
    if isinstance(item, list):
        return "[" + ", ".join(map(_inline, item)) + "]"
    if item is None:
        return "nan"
    return str(item).lower() if isinstance(item, bool) else json.dumps(item)


def mutate_toml(source: random.Random, text: str) -> bytes:
    """TOML with a changed structure or noise."""
    if source.random() < 0.6:
        tree = mutate_tree(source, tomllib.loads(text))
        return _toml(tree).encode("utf-8", "surrogatepass")
    return mutate_bytes(source, text.encode())
