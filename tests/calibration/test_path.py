from dataclasses import replace
from math import exp, log, sqrt

import pytest

from marskit.calibration.path import SAMPLES, quantile_ms, unqueued_ms
from tests.calibration.recorded import demo_model


def test_a_leaf_takes_its_hop_and_a_lognormal_service_time() -> None:
    model = demo_model()
    call = next(call for call in model.calls if call.service == "payments")
    rising = unqueued_ms(model, replace(call, hop_ms=3.0), "payments")
    sigma = sqrt(log(1.25))
    median_ms = 40.0 * exp(-(sigma**2) / 2)
    assert quantile_ms(rising, 0.5, 100_000) == pytest.approx(3.0 + median_ms, rel=0.002)
    assert quantile_ms(rising, 0.95, 100_000) == pytest.approx(
        3.0 + median_ms * exp(1.6449 * sigma), rel=0.005
    )


def test_a_caller_takes_as_long_as_all_that_it_calls() -> None:
    model = demo_model()
    rising = unqueued_ms(model, model.calls[0], "orders")
    hops_ms = sum(call.hop_ms for call in model.calls)
    assert sum(rising) / SAMPLES == pytest.approx(10 + 40 + 30 + hops_ms, rel=0.01)


def test_a_call_that_is_made_seldom_adds_little() -> None:
    model = demo_model()
    seldom = replace(
        model,
        calls=tuple(c if c.source == "ingress" else replace(c, per_request=0.1) for c in model.calls),
    )
    rising = unqueued_ms(seldom, model.calls[0], "orders")
    hops_ms = sum(call.hop_ms for call in model.calls[1:])
    mean_ms = model.calls[0].hop_ms + 10 + 0.1 * (40 + 30 + hops_ms)
    assert sum(rising) / SAMPLES == pytest.approx(mean_ms, rel=0.05)


def test_few_requests_do_not_reach_as_far_out_as_many() -> None:
    rising = [float(value) for value in range(1000)]
    assert quantile_ms(rising, 0.95, 40) == pytest.approx(1000 * 38 / 41, abs=1)
    assert quantile_ms(rising, 0.95, 100_000) == pytest.approx(950, abs=1)
    assert quantile_ms(rising, 0.95, 1) == pytest.approx(500, abs=1)
