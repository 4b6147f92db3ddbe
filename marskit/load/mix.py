"""The request mix: the requests to send, and the responses that count as success."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from marskit.system.toml_table import TomlTable

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_CONNECTION = frozenset(("connection", "content-length", "transfer-encoding"))
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request, and the conditions for a successful response."""

    name: str
    method: str
    path: str
    weight: float
    """Its share of the mix is this weight over the sum of all weights."""
    headers: tuple[tuple[str, str], ...]
    body: str | None
    expect_status: tuple[int, ...]
    """The accepted status codes; empty accepts every one below 400."""
    expect_headers: tuple[tuple[str, str], ...]
    """Response headers, and the values they must have."""
    expect_json: tuple[tuple[str, object], ...]
    """Dotted paths into the JSON response, and the values expected there."""

    def expects_status(self, status: int) -> bool:
        """Whether the status is an accepted one."""
        return status in self.expect_status if self.expect_status else status < 400

    def fault(self, status: int, headers: Mapping[str, str], body: Callable[[], bytes]) -> str | None:
        """Why the response is a failure, or None; the body is read only if a condition needs it."""
        if not self.expects_status(status):
            wanted = " or ".join(map(str, self.expect_status)) or "below 400"
            return f"status is {status}, expected {wanted}"
        for name, wish in self.expect_headers:
            if headers.get(name) != wish:
                return f"header {name} is {headers.get(name)!r}, expected {wish!r}"
        if self.expect_json:
            try:
                answer = json.loads(body())
            except ValueError:
                return "the response is not JSON"
            for path, value in self.expect_json:
                found = _look_up(answer, path)
                if found != value:
                    return f"{path} is {found!r}, expected {value!r}"
        return None


def read_requests(parent: TomlTable, tables: tuple[TomlTable, ...]) -> tuple[Request, ...]:
    """Read the `[[request]]` tables, whose names must differ; the parent hears of all that are wrong."""
    read = [(table, parent.hear(partial(_read_request, table), None)) for table in tables]
    requests = [(table, request) for table, request in read if request is not None]
    names = [request.name for _, request in requests]
    for table, request in requests:
        if names.count(request.name) > 1:
            table.fail("name", f'is "{request.name}" more than once; every request needs a unique name')
    return tuple(request for _, request in requests)


def _read_request(table: TomlTable) -> Request:
    name = table.text("name")
    method = table.choice("method", METHODS)
    path = table.text("path")
    if not path.startswith("/") or " " in path or not (path.isascii() and path.isprintable()):
        table.fail("path", f'is "{path}"; it must begin with / and contain only characters allowed in a URL')
    if path.startswith("//"):
        table.fail("path", f'is "{path}"; it must begin with a single /, or Locust cannot send it')
    weight = table.number("weight", above=0) if table.has("weight") else 1.0
    headers = _read_headers(table, "headers")
    body = None
    if table.has("json"):
        try:
            body = json.dumps(table.value("json", "a JSON value"), allow_nan=False)
        except (TypeError, ValueError):
            table.fail("json", "contains a date or a number that JSON does not support")
        if not any(header.lower() == "content-type" for header, _ in headers):
            headers = (*headers, ("content-type", "application/json"))
    request = Request(
        name=name,
        method=method,
        path=path,
        weight=weight,
        headers=headers,
        body=body,
        expect_status=table.integers("expect_status", at_least=100, at_most=599)
        if table.has("expect_status")
        else (),
        expect_headers=_read_headers(table, "expect_headers"),
        expect_json=table.table("expect_json").items() if table.has("expect_json") else (),
    )
    table.close()
    return request


def _read_headers(table: TomlTable, key: str) -> tuple[tuple[str, str], ...]:
    if not table.has(key):
        return ()
    headers = table.table(key)
    for name, _ in headers.items():
        if not _TOKEN.fullmatch(name):
            headers.fail(name, "is not a header name")
        if name.lower() in _CONNECTION:
            headers.fail(name, "is a header of the connection, which Locust sets itself")
    return tuple((name, _value(headers, name)) for name, _ in headers.items())


def _value(headers: TomlTable, name: str) -> str:
    text = headers.text(name)
    if not text.isascii() or text != text.strip():
        allowed = "it must have only ASCII characters, and no space at either end, which Locust cannot send"
        headers.fail(name, f'is "{text}"; {allowed}')
    return text


def _look_up(answer: object, path: str) -> object:
    for step in path.split("."):
        if isinstance(answer, dict):
            answer = answer.get(step)
        elif isinstance(answer, list) and step.isdigit() and int(step) < len(answer):
            answer = answer[int(step)]
        else:
            return None
    return answer
