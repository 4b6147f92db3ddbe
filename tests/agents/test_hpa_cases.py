"""Kubernetes' own cases of its autoscaler, and further ones worked out from its documentation."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marskit.agents.hpa_behaviour import (
    SCALE_DOWN,
    SCALE_UP,
    Behaviour,
    Policy,
    PolicyType,
    ScalingHistory,
    ScalingRules,
    SelectPolicy,
)
from marskit.agents.hpa_replicas import Metered, propose
from marskit.domain.topology import Workload

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "data" / "kubernetes_cases.json").read_text(encoding="utf-8")
)
"""Names, inputs and right values of Kubernetes' unit tests of its replica calculator and behaviour rules.

`levels` are usages in thousandths of the request of each pod that has a metric, `target` is in percent;
`events` are (seconds ago, pods added), and `recommendations` (minutes ago, replicas).
"""
NOW_S = 10_000.0


def workload(least: int = 1, most: int = 1000) -> Workload:
    return Workload("w", "w", "v1", min_replicas=least, max_replicas=most)


def pods(value: int, period_s: float = 60.0) -> Policy:
    return Policy(PolicyType.PODS, value, period_s)


def percent(value: int, period_s: float = 60.0) -> Policy:
    return Policy(PolicyType.PERCENT, value, period_s)


def history(current: int, *, scalings: Any = (), recommendations: Any = ()) -> ScalingHistory:
    """Scalings as (seconds ago, replicas added), recommendations as (seconds ago, replicas)."""
    made = ScalingHistory(current, -1e6)
    replicas = current - sum(added for _, added in scalings)
    for ago_s, added in sorted(scalings, reverse=True):
        made.propose(replicas, replicas + added, NOW_S - ago_s)
        made.settle(replicas := replicas + added)
    slow = Behaviour(scale_up=replace(SCALE_UP, stabilisation_s=1e9))
    for ago_s, recommended in sorted(recommendations, reverse=True):
        made.normalise(recommended, recommended, workload(0), NOW_S - ago_s, slow)
    return made


@pytest.mark.parametrize("case", CASES["replica"], ids=lambda case: case["name"])
def test_kubernetes_replica_calculator(case: dict[str, Any]) -> None:
    levels = case["levels"]
    metered = Metered(case["current"], len(levels), len(levels), sum(levels) / 1000)
    proposal = propose(metered, case["target"], 0.1)
    assert proposal is not None
    assert proposal.replicas == case["expected"]


@pytest.mark.parametrize("case", CASES["missing"], ids=lambda case: case["name"])
def test_kubernetes_missing_metrics(case: dict[str, Any]) -> None:
    levels = case["levels"]
    proposal = propose(
        Metered(case["current"], case["ready"], len(levels), sum(levels) / 1000), case["target"], 0.1
    )
    assert proposal is not None
    assert proposal.replicas == case["expected"]


@pytest.mark.parametrize("case", CASES["behaviour"], ids=lambda case: case["name"])
def test_kubernetes_scale_up_policies(case: dict[str, Any]) -> None:
    told = case["scale_up"]
    period_s = told.get("period_s", 15)
    up = ScalingRules((pods(told.get("pods", 4), period_s), percent(told.get("percent", 100), period_s)))
    behaviour = Behaviour(scale_up=up, scale_down=replace(SCALE_DOWN, stabilisation_s=0.0))
    scaled = history(case["current"], scalings=case["events"])
    bounds = workload(case["min"], case["max"])
    current = min(case["current"], case["max"])
    assert scaled.normalise(case["desired"], current, bounds, NOW_S, behaviour) == case["expected"]


@pytest.mark.parametrize("case", CASES["stabilise"], ids=lambda case: case["name"])
def test_kubernetes_scale_down_stabilisation(case: dict[str, Any]) -> None:
    told = [(60 * minutes, replicas) for minutes, replicas in case["recommendations"]]
    stabilised = history(100, recommendations=told).normalise(
        case["desired"], 100, workload(), NOW_S, Behaviour()
    )
    assert stabilised == case["expected"]


def test_a_rise_that_was_cut_short_goes_on() -> None:
    behaviour, scaled = Behaviour(), ScalingHistory(1, 0.0)
    assert scaled.normalise(9, 1, workload(), 0.0, behaviour) == 5
    scaled.propose(1, 5, 0.0)
    scaled.settle(5)
    assert scaled.normalise(4, 5, workload(), 15.0, behaviour) == 9
    # Not after its window.
    late = ScalingHistory(1, 0.0)
    late.normalise(9, 1, workload(), 0.0, behaviour)
    assert late.normalise(4, 5, workload(), 300.0, behaviour) == 4


@pytest.mark.parametrize(
    ("rules", "events", "expected"),
    [
        # 10 % of 80 is 8, and more than 4 pods: Max takes the larger change, Min the smaller one.
        (ScalingRules((pods(4), percent(10))), (), 72),
        (ScalingRules((pods(4), percent(10)), SelectPolicy.MIN), (), 76),
        (ScalingRules((pods(4),), SelectPolicy.DISABLED), (), 80),
        # 9 % of 80 is 7.2, which may be rounded up.
        (ScalingRules((percent(9),)), (), 72),
        # 5 were removed within the period, which began with 85: 10 % of those leave 76.
        (ScalingRules((percent(10),)), ((30.0, -5),), 76),
        # All that may go within the period are gone.
        (ScalingRules((pods(5),)), ((30.0, -5),), 80),
        # 10 were added within the period, which began with 70; what is above 65 may go.
        (ScalingRules((pods(5),)), ((30.0, 10),), 65),
        # Removed before the period began.
        (ScalingRules((pods(5, 20.0),)), ((30.0, -5),), 75),
        (SCALE_DOWN, (), 10),
    ],
)
def test_scale_down_policies(rules: ScalingRules, events: Any, expected: int) -> None:
    behaviour = Behaviour(scale_down=replace(rules, stabilisation_s=0.0))
    scaled = history(80, scalings=events)
    assert scaled.normalise(10, 80, workload(), NOW_S, behaviour) == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (ScalingRules((pods(4), percent(10))), 14),
        (ScalingRules((pods(4), percent(10)), SelectPolicy.MIN), 11),
        (ScalingRules((pods(4), percent(10)), SelectPolicy.DISABLED), 10),
        # 10 % of 10 is 1; 1 % is rounded up, so that it can rise at all.
        (ScalingRules((percent(1),)), 11),
    ],
)
def test_scale_up_policies(rules: ScalingRules, expected: int) -> None:
    assert history(10).normalise(100, 10, workload(), NOW_S, Behaviour(scale_up=rules)) == expected


@pytest.mark.parametrize(
    ("window_s", "expected"),
    [
        (0.0, 12),
        # The lowest recommendation of the window, 11.
        (90.0, 11),
        # 7 is less than the ten that there are; a window never removes replicas.
        (200.0, 10),
    ],
)
def test_scale_up_stabilisation(window_s: float, expected: int) -> None:
    behaviour = Behaviour(scale_up=replace(SCALE_UP, stabilisation_s=window_s))
    scaled = history(10, recommendations=[(150.0, 7), (60.0, 11), (30.0, 13)])
    assert scaled.normalise(12, 10, workload(), NOW_S, behaviour) == expected
