from hypothesis import given
from hypothesis import strategies as st

from marskit.mapek.plan.weights import apportion, towards

NAMES = ("a", "b", "c", "d")


@st.composite
def splits(draw: st.DrawFn, size: int) -> dict[str, int]:
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=size - 1, max_size=size - 1)))
    edges = [0, *cuts, 100]
    return {name: edges[i + 1] - edges[i] for i, name in enumerate(NAMES[:size])}


@st.composite
def moves(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, int]]:
    size = draw(st.integers(1, len(NAMES)))
    return draw(splits(size)), draw(splits(size))


@given(st.integers(0, 1000), st.lists(st.integers(0, 1000), min_size=1, max_size=4))
def test_parts_add_up_and_are_within_one_of_their_share(total: int, weights: list[int]) -> None:
    parts = apportion(total, dict(zip(NAMES, weights, strict=False)))
    assert sum(parts.values()) == total
    if any(weights):
        for part, weight in zip(parts.values(), weights, strict=True):
            assert abs(part - total * weight / sum(weights)) < 1


@given(moves(), st.integers(1, 100))
def test_a_step_towards_adds_up_and_stays_between(
    move: tuple[dict[str, int], dict[str, int]], limit: int
) -> None:
    now, goal = move
    step = towards(now, goal, limit)
    assert sum(step.values()) == 100
    for name in now:
        assert min(now[name], goal[name]) <= step[name] <= max(now[name], goal[name])
        assert abs(step[name] - now[name]) <= limit


@given(moves(), st.integers(1, 100))
def test_repeated_steps_arrive(move: tuple[dict[str, int], dict[str, int]], limit: int) -> None:
    now, goal = move
    for _ in range(100):
        now = towards(now, goal, limit)
    assert now == goal


def test_nothing_is_split_evenly() -> None:
    assert apportion(100, {"a": 0, "b": 0, "c": 0}) == {"a": 34, "b": 33, "c": 33}
