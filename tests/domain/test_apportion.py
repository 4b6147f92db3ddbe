import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.apportion import apportion


@given(st.integers(0, 1000), st.lists(st.integers(0, 10_000), min_size=1, max_size=8))
def test_parts_add_up_and_are_within_one_of_their_share(total: int, weights: list[int]) -> None:
    parts = apportion(total, weights)
    assert sum(parts) == total
    shares = weights if any(weights) else [1] * len(weights)
    for part, weight in zip(parts, shares, strict=True):
        assert abs(part - total * weight / sum(shares)) < 1


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ((1, 2), (33, 67)),
        ((1, 1, 1), (34, 33, 33)),
        ((90, 10), (90, 10)),
        ((0,), (100,)),
        ((0, 0, 0), (34, 33, 33)),
        # The same remainders as fractions, which floats would tell apart by their rounding errors.
        ((1, 2, 3, 4, 5, 6, 7), (4, 7, 11, 14, 18, 21, 25)),
    ],
)
def test_the_largest_remainders_are_rounded_up(weights: tuple[int, ...], parts: tuple[int, ...]) -> None:
    assert apportion(100, weights) == parts
