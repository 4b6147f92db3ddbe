import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.load.curves import Curve, Diurnal, FlashCrowd, OnOff, Ramp, Spike, Steady, Trace

CURVES: list[Curve] = [
    Steady(30),
    Ramp(20, 120, 60, 480),
    Diurnal(15, 115, 600, 300),
    Spike(34, 122, 45, 255, 5),
    Spike(34, 122, 45, 255, 0),
    FlashCrowd(30, 140, 45, 90),
    OnOff(20, 110, 120, 45),
    Trace((10, 20, 40), (5, 15, 0)),
]


@pytest.mark.parametrize(
    ("curve", "points"),
    [
        (Steady(30), [(0, 30), (999, 30)]),
        (Ramp(20, 120, 60, 160), [(0, 20), (60, 20), (110, 70), (160, 120), (900, 120)]),
        (Ramp(120, 20, 0, 100), [(0, 120), (25, 95), (100, 20)]),
        (Diurnal(10, 90, 600, 300), [(0, 10), (150, 50), (300, 90), (600, 10), (900, 90)]),
        (
            Spike(30, 110, 40, 60, 4),
            [(39.9, 30), (40, 30), (42, 70), (44, 110), (58, 70), (60, 30), (61, 30)],
        ),
        (Spike(30, 110, 40, 60, 0), [(39.9, 30), (40, 110), (60, 110), (60.1, 30)]),
        (FlashCrowd(30, 130, 40, 50), [(39.9, 30), (40, 130), (90, 66.79), (1000, 30)]),
        (OnOff(20, 110, 100, 30), [(0, 110), (29.9, 110), (30, 20), (99, 20), (100, 110)]),
        (Trace((10, 20, 40), (5, 15, 0)), [(0, 5), (10, 5), (15, 10), (20, 15), (30, 7.5), (40, 0), (99, 0)]),
    ],
)
def test_rates(curve: Curve, points: list[tuple[float, float]]) -> None:
    for t_s, expected in points:
        assert curve.rate_at(t_s) == pytest.approx(expected, abs=0.01), f"at {t_s} s"


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
@given(t_s=st.floats(0, 100_000))
def test_no_rate_is_negative_or_above_the_highest(curve: Curve, t_s: float) -> None:
    assert 0 <= curve.rate_at(t_s) <= curve.highest_requests_per_s + 1e-9


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: type(curve).__name__)
def test_the_highest_rate_is_reached(curve: Curve) -> None:
    assert max(curve.rate_at(t_s) for t_s in range(1200)) == pytest.approx(curve.highest_requests_per_s)
