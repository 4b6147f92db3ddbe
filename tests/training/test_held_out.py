"""The held-out loads, and how planners are read off the autoscaler's front on them."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.learned import FRONT, intervals, rankings, read
from benchmarks.loads import SHAPES, draw, shape_of
from marskit.load.scenario import load_scenario


def texts(paths: list[str]) -> dict[str, str]:
    return {Path(path).name: Path(path).read_text() for path in paths}


def test_a_draw_depends_on_its_number_alone(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("all", "some", "other")]
    for folder in folders:
        folder.mkdir()
    paths = draw(folders[0], tuple(SHAPES), 900, 3, 1)
    every, some = texts(paths), texts(draw(folders[1], ("spike",), 900, 2, 1))
    assert len(set(every.values())) == 3 * len(SHAPES)
    assert some == {name: every[name] for name in ("spike-1.toml", "spike-2.toml")}
    assert texts(draw(folders[2], ("spike",), 900, 2, 2))["spike-1.toml"] != some["spike-1.toml"]
    assert {shape_of(path) for path in paths} == set(SHAPES)
    assert all(load_scenario(path).duration_s == 900 for path in paths)


def table(violations: float, replicas: float) -> dict[str, np.ndarray]:
    """A front from 2 minutes at 80 to 0.5 at 120, all its other points beaten; and a planner."""
    front = dict.fromkeys(FRONT, (3.0, 130.0)) | {FRONT[1]: (2.0, 80.0), FRONT[2]: (0.5, 120.0)}
    means = front | {"ppo": (violations, replicas)}
    return {name: np.broadcast_to(np.array(mean), (6, 5, 2, 2)) for name, mean in means.items()}


def test_a_planner_is_read_at_equal_replicas_and_at_equal_violations() -> None:
    reading = read(table(0.5, 80.0), "ppo")
    assert reading.fewer_violations == pytest.approx(75.0)
    assert reading.fewer_replicas == pytest.approx(100.0 / 3.0)
    assert reading.is_reached
    low, high = intervals(table(0.5, 80.0), "ppo")
    assert low == pytest.approx(high)


def test_fewer_violations_than_any_autoscaler_is_said() -> None:
    reading = read(table(0.1, 90.0), "ppo")
    assert not reading.is_reached
    assert reading.replicas == pytest.approx(120.0)


def test_the_interval_is_over_draws_as_well() -> None:
    varied = dict(table(0.5, 80.0))
    ppo = np.array(varied["ppo"])
    ppo[:, 0, :, 0] = 1.5
    low, high = intervals(varied | {"ppo": ppo}, "ppo")
    assert low[0] < read(varied | {"ppo": ppo}, "ppo").fewer_violations - 5 < high[0]


def test_two_meshes_rank_by_means_and_the_interval_knows_single_loads() -> None:
    def runs(*minutes: float) -> np.ndarray:
        return np.array(minutes).reshape(1, -1, 1, 1)

    twin = {"a": runs(1, 1, 1), "b": runs(2, 2, 2), "c": runs(3, 3, 3)}
    assert rankings(twin, twin, 0) == rankings(twin, {k: 10 * v for k, v in twin.items()}, 0)
    assert rankings(twin, {k: -v for k, v in twin.items()}, 0).value == -1.0
    tau = rankings(twin, {"a": runs(1, 1, 1), "b": runs(0, 0, 9), "c": runs(4, 4, 4)}, 0)
    assert (tau.value, tau.low < 1.0, tau.high, tau.n) == (1.0, True, 1.0, 3)
