"""The parts of a VirtualService's HTTP route other than its destinations."""

from marskit.domain.config import RETRY_CONDITIONS, Retries
from marskit.mesh.manifests.fields import Field, FieldError
from marskit.mesh.manifests.istio import (
    CorsPolicy,
    DirectResponse,
    FaultInjection,
    HeaderOperations,
    Headers,
    MatchKind,
    Redirect,
    Rewrite,
    StringMatch,
)
from marskit.mesh.manifests.mapping import url_path
from marskit.mesh.manifests.parse_match import regex, string_match

_AUTHORITY = ("host", ":authority")


def percentage(field: Field) -> float:
    """Istio's Percent; one without a value is 0, as protobuf has it."""
    return field.fields(("value",)).take("value", lambda f: f.number(0, 100), 0.0)


def header_operations(field: Field) -> Headers:
    """Header operations on requests and responses."""
    headers = field.fields(("request", "response"))
    none = HeaderOperations()
    return Headers(
        headers.take("request", lambda f: _operations(f, _AUTHORITY), none),
        headers.take("response", lambda f: _operations(f, ()), none),
    )


def _operations(field: Field, settable: tuple[str, ...]) -> HeaderOperations:
    operations = field.fields(("add", "remove", "set"))
    return HeaderOperations(
        set=operations.take("set", lambda f: f.named(lambda item: _value(item, settable)), ()),
        add=operations.take("add", lambda f: f.named(lambda item: _value(item, settable)), ()),
        remove=operations.take("remove", lambda f: f.each(_removed), ()),
    )


def _value(field: Field, settable: tuple[str, ...]) -> str:
    _check_changeable(str(field.path[-1]), field, settable)
    return field.any_text()


def _removed(field: Field) -> str:
    _check_changeable(field.text(), field, ())
    return field.text()


def _check_changeable(name: str, field: Field, settable: tuple[str, ...]) -> None:
    special = name.startswith(":") or name.lower() in _AUTHORITY
    if special and name.lower() not in settable:
        raise FieldError(field.path, f"would change {name}, but only a request's host can be set")


def redirect(field: Field) -> Redirect:
    """An HTTPRedirect."""
    entry = field.fields(("authority", "port", "redirectCode", "scheme", "uri"), ("derivePort",))
    return Redirect(
        uri=entry.take("uri", Field.text),
        authority=entry.take("authority", Field.text),
        port=entry.take("port", Field.port),
        scheme=entry.take("scheme", lambda f: f.choice("http", "https")),
        code=entry.take("redirectCode", _redirect_code, 301),
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
        body=entry.take("body", lambda f: f.fields(("string",), ("bytes",)).need("string", Field.any_text)),
    )


def _status(field: Field) -> int:
    return field.integer(200, 599)


def rewrite(field: Field) -> Rewrite:
    """An HTTPRewrite."""
    entry = field.fields(("authority", "uri", "uriRegexRewrite"))
    entry.one_of("uri", "uriRegexRewrite")
    return Rewrite(
        uri=entry.take("uri", url_path),
        authority=entry.take("authority", Field.text),
        uri_regex=entry.take("uriRegexRewrite", _regex_rewrite),
    )


def _regex_rewrite(field: Field) -> tuple[str, str]:
    entry = field.fields(("match", "rewrite"))
    return entry.want("match", regex, ""), entry.need("rewrite", Field.any_text)


def retries(field: Field) -> Retries:
    """An HTTPRetry; the default conditions are those that are safe for any request."""
    entry = field.fields(
        ("attempts", "perTryTimeout", "retryOn"),
        ("backoff", "retryIgnorePreviousHosts", "retryRemoteLocalities"),
    )
    return Retries(
        attempts=entry.take("attempts", Field.integer, 0),
        per_try_timeout_ms=entry.take("perTryTimeout", Field.duration_ms),
        retry_on=entry.take("retryOn", _retry_on, Retries(0).retry_on),
    )


def _retry_on(field: Field) -> str:
    conditions = [condition.strip() for condition in field.text().split(",")]
    for condition in conditions:
        status = condition.isdecimal() and 100 <= int(condition) <= 599
        if not status and condition not in RETRY_CONDITIONS:
            raise field.error(f"status codes and conditions out of {', '.join(RETRY_CONDITIONS)}")
    return ",".join(conditions)


def fault(field: Field) -> FaultInjection:
    """An HTTPFaultInjection."""
    entry = field.fields(("abort", "delay"))
    delay_ms, delay_percent = entry.take("delay", _delay, (None, 100.0))
    abort_status, abort_percent = entry.take("abort", _abort, (None, 100.0))
    if delay_ms is None and abort_status is None:
        field.tell(FieldError(field.path, "has neither delay nor abort, but must have one of them"))
    return FaultInjection(delay_ms, delay_percent, abort_status, abort_percent)


def _delay(field: Field) -> tuple[int | None, float]:
    entry = field.fields(("fixedDelay", "percentage"), ("exponentialDelay", "percent"))
    return entry.need("fixedDelay", Field.duration_ms), entry.take("percentage", percentage, 100.0)


def _abort(field: Field) -> tuple[int | None, float]:
    entry = field.fields(("httpStatus", "percentage"), ("grpcStatus", "http2Error", "percent"))
    return entry.need("httpStatus", _status), entry.take("percentage", percentage, 100.0)


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
        ),
        ("unmatchedPreflights",),
    )
    entry.one_of("allowOrigin", "allowOrigins")
    exact = tuple(
        StringMatch(MatchKind.EXACT, origin) for origin in entry.take("allowOrigin", Field.texts, ())
    )
    return CorsPolicy(
        allow_origins=entry.take("allowOrigins", lambda f: f.each(string_match), exact),
        allow_methods=entry.take("allowMethods", Field.texts, ()),
        allow_headers=entry.take("allowHeaders", Field.texts, ()),
        expose_headers=entry.take("exposeHeaders", Field.texts, ()),
        max_age_ms=entry.take("maxAge", lambda f: f.duration_ms(0)),
        allow_credentials=entry.take("allowCredentials", Field.flag),
    )
