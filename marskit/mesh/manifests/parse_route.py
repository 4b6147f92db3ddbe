"""The parts of a VirtualService's HTTP route other than its destinations."""

import re

from marskit.domain.config import RETRY_CONDITIONS, STATUS_CODES, Retries
from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.headers import removed_name, set_value
from marskit.mesh.manifests.istio import (
    LARGEST_BODY_BYTES,
    CorsPolicy,
    DirectResponse,
    FaultInjection,
    HeaderOperations,
    Headers,
    MatchKind,
    Redirect,
    RetryChoice,
    Rewrite,
    StringMatch,
)
from marskit.mesh.manifests.mapping import url_path
from marskit.mesh.manifests.parse_match import regex, string_match
from marskit.mesh.manifests.regex import substitution_problem
from marskit.mesh.manifests.rules import AUTHORITY

SMALLEST_PERCENT = 0.0001
"""A millionth: Envoy has no smaller share."""

_GRPC_STATUSES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""In the order of their codes."""
_PREFLIGHTS = ("UNSPECIFIED", "FORWARD", "IGNORE")
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
OF_ATTEMPTS = ("perTryTimeout", "retryOn", "retryRemoteLocalities")
"""Settings of retries that Istio refuses where there are none."""
_CORS_HEADER = re.compile(r"[-_A-Za-z0-9]+|\*")


def percentage(field: Field) -> float:
    """Istio's Percent; one without a value is 0, as protobuf has it."""
    return field.fields(("value",)).take("value", _percent, 0.0)


def _percent(field: Field) -> float:
    value = field.number(0, 100)
    if 0 < value < SMALLEST_PERCENT:
        raise field.error(f"0 or a number from {SMALLEST_PERCENT:.4f} to 100")
    return value


def whole_percent(field: Field) -> float:
    """The old form of a percentage, a whole number."""
    return float(field.integer(0, 100))


def header_operations(field: Field) -> Headers:
    """Header operations on requests and responses."""
    headers = field.fields(("request", "response"))
    none = HeaderOperations()
    return Headers(
        headers.take("request", lambda f: _operations(f, AUTHORITY), none),
        headers.take("response", lambda f: _operations(f, ()), none),
    )


def _operations(field: Field, settable: tuple[str, ...]) -> HeaderOperations:
    operations = field.fields(("add", "remove", "set"))
    return HeaderOperations(
        set=operations.take("set", lambda f: f.named(lambda item: set_value(item, settable)), ()),
        add=operations.take("add", lambda f: f.named(lambda item: set_value(item, settable)), ()),
        remove=operations.take("remove", lambda f: f.each(removed_name), ()),
    )


def redirect(field: Field) -> Redirect:
    """An HTTPRedirect."""
    entry = field.fields(("authority", "derivePort", "port", "redirectCode", "scheme", "uri"))
    entry.one_of("port", "derivePort")
    if not {"authority", "derivePort", "port", "scheme", "uri"} & entry.children.keys():
        raise FieldError(
            field.path, "changes nothing, but must have uri, authority, scheme, port or derivePort"
        )
    derived = entry.take("derivePort", lambda f: f.choice("FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"))
    return Redirect(
        uri=entry.take("uri", Field.text),
        authority=entry.take("authority", Field.text),
        port=entry.take("port", Field.port),
        scheme=entry.take("scheme", lambda f: f.choice("http", "https")),
        code=entry.take("redirectCode", _redirect_code, 301),
        keep_port=derived == "FROM_REQUEST_PORT",
    )


def _redirect_code(field: Field) -> int:
    if field.integer() not in (301, 302, 303, 307, 308):
        raise field.error("one of 301, 302, 303, 307, 308")
    return field.integer()


def direct_response(field: Field) -> DirectResponse:
    """An HTTPDirectResponse."""
    entry = field.fields(("body", "status"))
    return DirectResponse(
        status=entry.want("status", _status, 0),
        body=entry.take("body", lambda f: f.fields(("string",), ("bytes",)).need("string", _body)),
    )


def _body(field: Field) -> str:
    size = len(field.any_text().encode())
    if size > LARGEST_BODY_BYTES:
        problem = f"has {size} bytes, but must have at most {LARGEST_BODY_BYTES}"
        raise FieldError(field.path, problem)
    return field.any_text()


def _status(field: Field) -> int:
    return field.integer(200, 599)


def rewrite(field: Field) -> Rewrite:
    """An HTTPRewrite."""
    entry = field.fields(("authority", "uri", "uriRegexRewrite"))
    entry.one_of("uri", "uriRegexRewrite")
    if not entry.children:
        raise FieldError(field.path, "is empty, but must have uri, uriRegexRewrite or authority")
    return Rewrite(
        uri=entry.take("uri", url_path),
        authority=entry.take("authority", Field.text),
        uri_regex=entry.take("uriRegexRewrite", _regex_rewrite),
    )


def _regex_rewrite(field: Field) -> tuple[str, str]:
    entry = field.fields(("match", "rewrite"))
    pattern = entry.want("match", regex, None)
    return pattern or "", entry.need("rewrite", lambda f: _substitution(f, pattern))


def _substitution(field: Field, pattern: str | None) -> str:
    reason = substitution_problem(pattern, field.text()) if pattern else None
    if reason:
        raise field.error(reason)
    return field.text()


def retries(field: Field) -> tuple[Retries, RetryChoice]:
    """An HTTPRetry; the default conditions are those that are safe for any request."""
    entry = field.fields(
        (
            "attempts",
            "backoff",
            "perTryTimeout",
            "retryIgnorePreviousHosts",
            "retryOn",
            "retryRemoteLocalities",
        )
    )
    entry.take("retryRemoteLocalities", Field.flag)
    policy = Retries(
        attempts=entry.take("attempts", Field.integer, 0),
        per_try_timeout_ms=entry.take("perTryTimeout", Field.duration_ms),
        retry_on=entry.take("retryOn", _retry_on, Retries(0).retry_on),
    )
    choice = RetryChoice(
        backoff_ms=entry.take("backoff", Field.duration_ms),
        ignore_previous_hosts=entry.take("retryIgnorePreviousHosts", Field.flag),
    )
    for name in OF_ATTEMPTS:
        if not policy.attempts and name in entry:
            problem = "is not allowed where attempts is 0 or missing: Istio refuses settings of no retry"
            field.tell(FieldError(entry.children[name].path, problem))
    return policy, choice


def _retry_on(field: Field) -> str:
    conditions = [condition.strip() for condition in field.text().split(",")]
    for condition in conditions:
        if condition not in STATUS_CODES and condition not in RETRY_CONDITIONS:
            raise field.error(f"status codes and conditions out of {', '.join(RETRY_CONDITIONS)}")
    return ",".join(conditions)


def fault(field: Field) -> FaultInjection:
    """An HTTPFaultInjection."""
    entry = field.fields(("abort", "delay"))
    delay_ms, delay_percent = entry.take("delay", _delay, (None, 0.0))
    abort_status, abort_grpc, abort_percent = entry.take("abort", _abort, (None, None, 0.0))
    if "delay" not in entry and "abort" not in entry:
        field.tell(FieldError(field.path, "has neither delay nor abort, but must have one of them"))
    return FaultInjection(delay_ms, delay_percent, abort_status, abort_percent, abort_grpc)


def _delay(field: Field) -> tuple[int | None, float]:
    """A delay; as in Istio, without a percentage it hits no request."""
    entry = field.fields(("fixedDelay", "percent", "percentage"), ("exponentialDelay",))
    share = entry.take("percentage", percentage, entry.take("percent", whole_percent, 0.0))
    return entry.need("fixedDelay", Field.duration_ms), share


def _abort(field: Field) -> tuple[int | None, int | None, float]:
    """An abort by the one status or the other; as in Istio, without a percentage it hits no request."""
    entry = field.fields(("grpcStatus", "httpStatus", "percentage"), ("http2Error",))
    share = entry.take("percentage", percentage, 0.0)
    if entry.one_of("httpStatus", "grpcStatus") == "grpcStatus":
        return None, entry.need("grpcStatus", _grpc_status), share
    return entry.need("httpStatus", _status), None, share


def _grpc_status(field: Field) -> int:
    return _GRPC_STATUSES.index(field.choice(*_GRPC_STATUSES))


def cors_policy(field: Field) -> CorsPolicy:
    """A CorsPolicy; the old `allowOrigin` is a list of exact origins."""
    entry = field.fields(
        (
            "allowCredentials",
            "allowHeaders",
            "allowMethods",
            "allowOrigin",
            "allowOrigins",
            "exposeHeaders",
            "maxAge",
            "unmatchedPreflights",
        )
    )
    entry.one_of("allowOrigin", "allowOrigins")
    exact = tuple(
        StringMatch(MatchKind.EXACT, origin) for origin in entry.take("allowOrigin", Field.texts, ())
    )
    return CorsPolicy(
        allow_origins=entry.take("allowOrigins", lambda f: f.each(string_match), exact),
        allow_methods=entry.take("allowMethods", lambda f: f.each(lambda m: m.choice(*_METHODS)), ()),
        allow_headers=entry.take("allowHeaders", lambda f: f.each(_cors_header), ()),
        expose_headers=entry.take("exposeHeaders", lambda f: f.each(_cors_header), ()),
        max_age_ms=entry.take("maxAge", _whole_seconds_ms),
        allow_credentials=entry.take("allowCredentials", Field.flag),
        forward_unmatched=entry.take("unmatchedPreflights", lambda f: f.choice(*_PREFLIGHTS)) != "IGNORE",
    )


def _cors_header(field: Field) -> str:
    if not _CORS_HEADER.fullmatch(field.text()):
        raise field.error('the name of a header, or "*"')
    return field.text()


def _whole_seconds_ms(field: Field) -> int:
    value = field.duration_ms(0)
    if value % 1000:
        raise field.error("a duration in whole seconds")
    return value
