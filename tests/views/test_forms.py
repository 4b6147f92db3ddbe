"""What a form means, without any front end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.actions import Action, SetOutlierDetection, SetRetries, SetTimeout
from marskit.domain.commands import DryRun
from marskit.domain.config import RETRY_CONDITIONS, OutlierDetection, OutlierSetting, Retries, RouteSetting
from marskit.domain.plan import ShieldChange
from marskit.domain.state import State
from marskit.views.document import Code, Language, Sentence
from marskit.views.forms import Form, Invalid, Setting, dry_run_document, forms, read_form
from marskit.views.tone import Tone
from tests.tui import scripts


def state_of(*routes: RouteSetting, outliers: tuple[OutlierSetting, ...] = ()) -> State:
    state = scripts.healthy().state
    assert state.configuration is not None
    return replace(state, configuration=replace(state.configuration, routes=routes, outliers=outliers))


def route(
    timeout_ms: int | None = None, retries: Retries | None = None, name: str | None = None
) -> RouteSetting:
    return RouteSetting("payments", 0, name, (), timeout_ms, retries)


def the(setting: Setting, state: State) -> Form:
    (form,) = (form for form in forms(state) if form.setting is setting)
    return form


def as_set(form: Form) -> dict[str, str]:
    return {field.name: field.value for field in form.fields}


ejecting = OutlierSetting("payments", "payments", OutlierDetection(20, 1000, 5000, 34))
timeouts = st.none() | st.integers(1, 86_400_000)
retry_policies = st.none() | st.builds(
    Retries,
    attempts=st.integers(0, 100),
    per_try_timeout_ms=timeouts,
    retry_on=st.lists(st.sampled_from((*RETRY_CONDITIONS, "503")), min_size=1, max_size=4).map(",".join),
)
detections = st.none() | st.builds(
    OutlierDetection,
    consecutive_5xx=st.integers(0, 10_000),
    interval_ms=st.integers(1, 86_400_000),
    base_ejection_ms=st.integers(1, 86_400_000),
    max_ejection_percent=st.integers(0, 100),
)


@given(timeouts, retry_policies, detections)
def test_a_form_left_as_it_is_means_what_is_set(
    timeout_ms: int | None, retries: Retries | None, detection: OutlierDetection | None
) -> None:
    outlier = OutlierSetting("payments", "payments", detection)
    found = forms(state_of(route(timeout_ms, retries), outliers=(outlier,)))
    assert [form.setting for form in found] == list(Setting)
    assert [read_form(form, as_set(form)) for form in found] == [
        SetTimeout("payments", 0, timeout_ms),
        SetRetries("payments", 0, retries),
        SetOutlierDetection("payments", detection),
    ]


@given(
    st.dictionaries(st.sampled_from(["timeout_ms", "attempts", "per_try_timeout_ms", "retry_on"]), st.text())
)
def test_whatever_is_typed_is_an_action_or_one_sentence(values: dict[str, str]) -> None:
    for form in forms(state_of(route(), outliers=(ejecting,))):
        read = read_form(form, values)
        if isinstance(read, Invalid):
            assert read.sentence.endswith(".")


def test_there_is_a_form_for_every_route_and_rule_and_it_says_what_is_set() -> None:
    named = route(2000, Retries(2, 700, "reset"), "charge")
    told = [(form.title, form.now) for form in forms(state_of(named, outliers=(ejecting,)))]
    assert told == [
        ("Set the timeout of payments[0] (charge)", "2 s"),
        ("Set the retries of payments[0] (charge)", "2, 700 ms each, on reset"),
        (
            "Set the outlier detection of payments",
            "eject for 5 s after 20 errors in a row, at most 34 % of the replicas",
        ),
    ]
    bare = [
        form.now for form in forms(state_of(route(), outliers=(replace(ejecting, outlier_detection=None),)))
    ]
    assert bare == [
        "no timeout",
        "not set; the mesh's default is 2 on connect-failure,refused-stream,unavailable,cancelled",
        "no outlier detection",
    ]
    assert forms(State()) == ()


@pytest.mark.parametrize(
    ("setting", "typed", "meant"),
    [
        (Setting.TIMEOUT, {"timeout_ms": " 800 "}, SetTimeout("payments", 0, 800)),
        (Setting.TIMEOUT, {"timeout_ms": ""}, SetTimeout("payments", 0, None)),
        (Setting.RETRIES, {"attempts": "", "retry_on": "5xx"}, SetRetries("payments", 0, None)),
        (Setting.RETRIES, {"attempts": "0"}, SetRetries("payments", 0, Retries(0))),
        (
            Setting.RETRIES,
            {"attempts": "2", "per_try_timeout_ms": "250", "retry_on": "5xx, reset,503"},
            SetRetries("payments", 0, Retries(2, 250, "5xx,reset,503")),
        ),
        (Setting.OUTLIER_DETECTION, {"consecutive_5xx": ""}, SetOutlierDetection("payments", None)),
        (
            Setting.OUTLIER_DETECTION,
            {"consecutive_5xx": "3", "base_ejection_ms": "7000"},
            SetOutlierDetection("payments", OutlierDetection(3, 10_000, 7000, 10)),
        ),
    ],
)
def test_typed_values_mean_an_action(setting: Setting, typed: dict[str, str], meant: Action) -> None:
    assert read_form(the(setting, state_of(route(), outliers=(ejecting,))), typed) == meant


@pytest.mark.parametrize(
    ("setting", "typed", "sentence"),
    [
        (
            Setting.TIMEOUT,
            {"timeout_ms": "0"},
            "The timeout must be a whole number from 1 to 86400000 ms, not '0'.",
        ),
        (
            Setting.TIMEOUT,
            {"timeout_ms": "2s"},
            "The timeout must be a whole number from 1 to 86400000 ms, not '2s'.",
        ),
        (
            Setting.RETRIES,
            {"attempts": "-1"},
            "The number of retries must be a whole number from 0 to 100, not '-1'.",
        ),
        (
            Setting.RETRIES,
            {"attempts": "2", "retry_on": "5xx,sometimes"},
            "A retry condition must be a status code or one of 5xx, cancelled, "
            "connect-failure, deadline-exceeded, envoy-ratelimited, gateway-error, "
            "http3-post-connect-failure, internal, refused-stream, reset, reset-before-request, "
            "resource-exhausted, retriable-4xx, retriable-headers, retriable-status-codes, unavailable, not "
            "'sometimes'.",
        ),
        (
            Setting.OUTLIER_DETECTION,
            {"consecutive_5xx": "5", "max_ejection_percent": "101"},
            "The share of replicas ejected must be a whole number from 0 to 100 %, not '101'.",
        ),
    ],
)
def test_what_is_no_setting_is_refused_in_one_sentence(
    setting: Setting, typed: dict[str, str], sentence: str
) -> None:
    assert read_form(the(setting, state_of(route(), outliers=(ejecting,))), typed) == Invalid(sentence)


def test_a_dry_run_shows_command_and_diff_and_what_the_shield_changed() -> None:
    action = SetTimeout("payments", 0, 800)
    change = ShieldChange("step", action, action, "Not so far.")
    assert dry_run_document(
        DryRun(action, (change,), "kubectl patch", "+ timeout: 800ms", "kubectl back")
    ) == (
        Sentence("Not so far.", Tone.WARN, "⊘"),
        Sentence("Set timeout of payments[0] to 800 ms", Tone.STRONG, "►", Tone.ACCENT),
        Code("kubectl patch", Language.COMMAND),
        Code("+ timeout: 800ms", Language.DIFF),
    )
