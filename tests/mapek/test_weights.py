from hypothesis import given
from hypothesis import strategies as st

from marskit.mapek.plan.weights import apportion_by_name, towards

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


def test_parts_keep_their_names() -> None:
    assert apportion_by_name(100, {"b": 0, "a": 0, "c": 0}) == {"b": 34, "a": 33, "c": 33}
    assert apportion_by_name(10, {"b": 1, "a": 3}) == {"b": 3, "a": 7}
