"""Forms for settings: the fields of each form, their allowed values, and the action that they make."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from marskit import text
from marskit.domain.actions import Action, SetOutlierDetection, SetRetries, SetTimeout, describe
from marskit.domain.commands import DryRun
from marskit.domain.config import (
    DEFAULT_RETRIES,
    DEFAULT_RETRY_ON,
    RETRY_CONDITIONS,
    STATUS_CODES,
    OutlierDetection,
    OutlierSetting,
    Retries,
    RouteSetting,
)
from marskit.domain.state import State
from marskit.views.document import Block, Code, Document, Language, Sentence
from marskit.views.tone import SYMBOLS, Tone

UNCHANGED: Document = (Sentence("This is what is set now.", Tone.DIM),)
"""Shown where what was typed is what is set."""
_LONGEST_MS = 86_400_000
"""Longest duration that can be set: one day, in milliseconds."""
_MOST_ATTEMPTS = 100
_MOST_ERRORS = 10_000
_DEFAULT_OUTLIERS = OutlierDetection(5, 10_000, 30_000, 10)
"""Istio's defaults for fields that a DestinationRule omits."""
_RETRY_ON = (
    DEFAULT_RETRY_ON,
    "5xx,connect-failure,refused-stream,reset",
    "gateway-error,connect-failure,refused-stream,reset",
    "connect-failure,refused-stream,reset",
)


class Setting(StrEnum):
    """What a form sets."""

    TIMEOUT = "timeout"
    RETRIES = "retries"
    OUTLIER_DETECTION = "outlier detection"


@dataclass(frozen=True, slots=True)
class FormField:
    """One input field."""

    name: str
    label: str
    value: str
    """The current value as it would be typed; empty if none is set."""
    hint: str
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """One setting of one route or DestinationRule."""

    setting: Setting
    target: str
    """The route as a person names it, or the DestinationRule."""
    title: str
    now: str
    """The current setting, in words."""
    help: str
    fields: tuple[FormField, ...]
    present: Action
    """The action that sets the current values."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """Why the typed values are not a valid setting."""

    sentence: str


class _Refused(Exception):
    """A field has an invalid value; the message is the sentence for the user."""


def forms(state: State) -> tuple[Form, ...]:
    """A form for every setting of every route and DestinationRule of the mesh."""
    if state.configuration is None:
        return ()
    return tuple(_forms(state.configuration.routes, state.configuration.outliers))


def read_form(form: Form, values: Mapping[str, str]) -> Action | Invalid:
    """Convert the typed values to an action; an empty first field removes the setting.

    Args:
        form: The form.
        values: The typed values, by the field's name; a missing field is empty.

    Returns:
        The action, or why a value is invalid.
    """
    typed = {field.name: values.get(field.name, "").strip() for field in form.fields}
    try:
        match form.present:
            case SetTimeout(virtual_service, route, _):
                timeout_ms = _whole("the timeout", typed["timeout_ms"], 1, _LONGEST_MS, "ms")
                return SetTimeout(virtual_service, route, timeout_ms)
            case SetRetries(virtual_service, route, _):
                return SetRetries(virtual_service, route, _retries(typed))
            case SetOutlierDetection(destination_rule, _):
                return SetOutlierDetection(destination_rule, _outliers(typed))
            case _:
                raise AssertionError(f"no form sets {form.present}")
    except _Refused as refused:
        return Invalid(str(refused))


def now_words(form: Form) -> str:
    """The current setting as a sentence."""
    return f"Now: {form.now}."


def invalid_document(sentence: str) -> Document:
    """Why what was typed cannot be set."""
    return (Sentence(sentence, Tone.BAD, SYMBOLS[Tone.BAD]),)


def dry_run_document(dry_run: DryRun) -> Document:
    """The changes by the shield, the action, its command and its diff."""
    blocks: list[Block] = [Sentence(change.sentence, Tone.WARN, "⊘") for change in dry_run.changes]
    blocks += [
        Sentence(describe(dry_run.action).capitalize(), Tone.STRONG, "►", Tone.ACCENT),
        Code(dry_run.command, Language.COMMAND),
        Code(dry_run.diff, Language.DIFF),
    ]
    return tuple(blocks)


def _forms(routes: tuple[RouteSetting, ...], outliers: tuple[OutlierSetting, ...]) -> Iterator[Form]:
    for route in routes:
        label = route.label if route.name is None else f"{route.label} ({route.name})"
        yield _timeout_form(route, label)
        yield _retries_form(route, label)
    for outlier in outliers:
        yield _outlier_form(outlier)


def _timeout_form(route: RouteSetting, label: str) -> Form:
    now = route.timeout_ms
    return Form(
        Setting.TIMEOUT,
        label,
        f"Set the timeout of {label}",
        "no timeout" if now is None else _duration(now),
        "The longest a request may take, retries included; the caller gets a 504 after that.",
        (
            FormField(
                "timeout_ms",
                "timeout in ms",
                "" if now is None else str(now),
                "Leave it empty to remove the setting.",
            ),
        ),
        SetTimeout(route.virtual_service, route.index, now),
    )


def _retries_form(route: RouteSetting, label: str) -> Form:
    now = route.retries
    each = (
        ""
        if now is None or now.per_try_timeout_ms is None
        else f", {_duration(now.per_try_timeout_ms)} each,"
    )
    default = f"not set; the mesh's default is {DEFAULT_RETRIES.attempts} on {DEFAULT_RETRIES.retry_on}"
    return Form(
        Setting.RETRIES,
        label,
        f"Set the retries of {label}",
        default if now is None else f"{now.attempts}{each} on {now.retry_on}",
        "Requests that fail under one of these conditions are sent again, to another replica if possible.",
        (
            FormField(
                "attempts",
                "retries",
                _typed(now, "attempts"),
                "0 for none; leave it empty to remove the setting, and the mesh's default applies.",
            ),
            FormField(
                "per_try_timeout_ms",
                "timeout per try in ms",
                _typed(now, "per_try_timeout_ms"),
                "Leave it empty for no limit besides the route's timeout.",
            ),
            FormField(
                "retry_on",
                "conditions",
                _typed(now, "retry_on"),
                "Status codes or conditions, with commas; → completes the list.",
                _RETRY_ON,
            ),
        ),
        SetRetries(route.virtual_service, route.index, now),
    )


def _outlier_form(outlier: OutlierSetting) -> Form:
    now, default = outlier.outlier_detection, _DEFAULT_OUTLIERS
    words = (
        "no outlier detection"
        if now is None
        else f"eject for {_duration(now.base_ejection_ms)} after {now.consecutive_5xx} errors in a row, "
        f"at most {now.max_ejection_percent} % of the replicas"
    )
    return Form(
        Setting.OUTLIER_DETECTION,
        outlier.destination_rule,
        f"Set the outlier detection of {outlier.destination_rule}",
        words,
        "A replica that keeps failing gets no requests for a while, longer every time.",
        (
            FormField(
                "consecutive_5xx",
                "errors in a row",
                _typed(now, "consecutive_5xx"),
                "Leave it empty to remove the setting.",
            ),
            FormField(
                "interval_ms",
                "check interval in ms",
                _typed(now, "interval_ms"),
                f"Leave it empty for Istio's {default.interval_ms}.",
            ),
            FormField(
                "base_ejection_ms",
                "ejection time in ms",
                _typed(now, "base_ejection_ms"),
                f"Leave it empty for Istio's {default.base_ejection_ms}.",
            ),
            FormField(
                "max_ejection_percent",
                "most ejected, in % of replicas",
                _typed(now, "max_ejection_percent"),
                f"Leave it empty for Istio's {default.max_ejection_percent}.",
            ),
        ),
        SetOutlierDetection(outlier.destination_rule, now),
    )


def _retries(typed: Mapping[str, str]) -> Retries | None:
    attempts = _whole("the number of retries", typed["attempts"], 0, _MOST_ATTEMPTS)
    if attempts is None:
        return None
    each_ms = _whole("the timeout per try", typed["per_try_timeout_ms"], 1, _LONGEST_MS, "ms")
    return Retries(attempts, each_ms, _conditions(typed["retry_on"]))


def _conditions(typed: str) -> str:
    if not typed:
        return Retries(0).retry_on
    conditions = [condition.strip() for condition in typed.split(",")]
    for condition in conditions:
        if condition not in STATUS_CODES and condition not in RETRY_CONDITIONS:
            allowed = f"a status code or one of {', '.join(RETRY_CONDITIONS)}"
            raise _Refused(f"A retry condition must be {allowed}, not {condition!r}.")
    return ",".join(conditions)


def _outliers(typed: Mapping[str, str]) -> OutlierDetection | None:
    errors = _whole("the number of errors in a row", typed["consecutive_5xx"], 0, _MOST_ERRORS)
    if errors is None:
        return None
    default = _DEFAULT_OUTLIERS
    interval_ms = _whole("the interval", typed["interval_ms"], 1, _LONGEST_MS, "ms")
    ejection_ms = _whole("the time of an ejection", typed["base_ejection_ms"], 1, _LONGEST_MS, "ms")
    percent = _whole("the share of replicas ejected", typed["max_ejection_percent"], 0, 100, "%")
    return OutlierDetection(
        errors,
        default.interval_ms if interval_ms is None else interval_ms,
        default.base_ejection_ms if ejection_ms is None else ejection_ms,
        default.max_ejection_percent if percent is None else percent,
    )


def _whole(what: str, typed: str, least: int, most: int, unit: str = "") -> int | None:
    """The typed number, None for an empty field."""
    if not typed:
        return None
    # Checked before `int`, which accepts digits of any script and thousands of them.
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 9 and least <= int(typed) <= most):
        allowed = f"{least} to {most} {unit}".rstrip()
        raise _Refused(f"{what.capitalize()} must be a whole number from {allowed}, not {typed!r}.")
    return int(typed)


def _typed(now: Retries | OutlierDetection | None, name: str) -> str:
    value = getattr(now, name, None)
    return "" if value is None else str(value)


def _duration(value_ms: int) -> str:
    return f"{value_ms / 1000:g} s" if value_ms >= 1000 else text.ms(float(value_ms))
