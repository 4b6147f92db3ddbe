from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.actions import (
    Action,
    Scale,
    SetOutlierDetection,
    SetRetries,
    SetTimeout,
    ShiftTraffic,
    describe,
    target,
)
from marskit.domain.config import OutlierDetection, Retries
from marskit.domain.faults import (
    ClearFaults,
    Delay,
    Fault,
    HangReplica,
    InjectErrors,
    KillReplica,
    SlowDown,
    describe_fault,
    why_unfit,
)

actions: st.SearchStrategy[Action] = st.one_of(*(st.from_type(kind) for kind in get_args(Action)))

CASES: tuple[tuple[Action, str, str], ...] = (
    (Scale("payments", 3), "scale payments to 3", "deployment/payments"),
    (
        ShiftTraffic("recommendations", 0, (("food", 90), ("music", 10))),
        "shift recommendations to food 90%, music 10%",
        "virtualservice/recommendations[0]",
    ),
    (SetTimeout("orders", 1, 500), "set timeout of orders[1] to 500 ms", "virtualservice/orders[1]"),
    (SetTimeout("orders", 1, None), "remove timeout of orders[1]", "virtualservice/orders[1]"),
    (SetRetries("orders", 0, Retries(2)), "set retries of orders[0] to 2", "virtualservice/orders[0]"),
    (SetRetries("orders", 0, None), "remove retries of orders[0]", "virtualservice/orders[0]"),
    (
        SetOutlierDetection("orders", OutlierDetection(5, 1000, 30000, 50)),
        "eject replicas of orders after 5 errors",
        "destinationrule/orders",
    ),
    (
        SetOutlierDetection("orders", None),
        "remove outlier detection of orders",
        "destinationrule/orders",
    ),
)


@pytest.mark.parametrize(("action", "words", "object_name"), CASES)
def test_every_action_has_words_and_a_target(action: Action, words: str, object_name: str) -> None:
    assert describe(action) == words
    assert target(action) == object_name


def test_the_cases_cover_every_kind_of_action() -> None:
    assert {type(action) for action, _, _ in CASES} == set(get_args(Action))


@given(actions)
def test_any_action_can_be_described(action: Action) -> None:
    assert describe(action)
    assert "/" in target(action)


FAULTS: tuple[tuple[Fault, str], ...] = (
    (KillReplica("food"), "kill a replica of food"),
    (HangReplica("food"), "hang a replica of food"),
    (SlowDown("food", 2.5), "slow food down 2.5×"),
    (InjectErrors("food", 30.0), "inject 30% errors into food"),
    (Delay("food", 100), "delay food by 100 ms"),
    (ClearFaults(), "clear all faults"),
)


@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_every_fault_has_words(fault: Fault, words: str) -> None:
    assert describe_fault(fault) == words


def test_the_cases_cover_every_kind_of_fault() -> None:
    assert {type(fault) for fault, _ in FAULTS} == set(get_args(Fault))


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (KillReplica("orders"), None),
        (HangReplica("orders"), None),
        (HangReplica("nobody"), "'nobody' is not a workload; choose one of orders, payments"),
        (ClearFaults(), None),
        (SlowDown("orders", 1.0), None),
        (InjectErrors("orders", 100.0), None),
        (Delay("orders", 60_000), None),
        (KillReplica("nobody"), "'nobody' is not a workload; choose one of orders, payments"),
        (SlowDown("orders", 0.5), "the slow-down factor is 0.5; it must be at least 1"),
        (SlowDown("orders", float("nan")), "the slow-down factor is nan; it must be at least 1"),
        (InjectErrors("orders", 100.5), "the share of errors is 100.5%; it must be from 0 to 100"),
        (Delay("orders", 60_001), "the delay is 60001 ms; it must be from 0 to 60000"),
    ],
)
def test_a_fault_that_does_not_fit_says_why(fault: Fault, problem: str | None) -> None:
    assert why_unfit(fault, {"payments", "orders"}) == problem
