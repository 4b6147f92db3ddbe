"""Whatever stands in a user's file, it loads or is refused in sentences: nothing else may come out."""

from pathlib import Path

import pytest

from benchmarks.fuzz import SHARES, run

SEEDS = range(4)
COUNT = 150


@pytest.mark.parametrize("seed", SEEDS)
def test_a_changed_file_loads_or_is_refused(seed: int, tmp_path: Path) -> None:
    faults: list[str] = []
    outcomes = run(seed, COUNT, tmp_path, faults.append)
    assert faults == []
    assert outcomes["refused"] + outcomes["accepted"] == COUNT
    # Mutations that are all refused at the first check would try nothing.
    assert outcomes["accepted"] > 0


def test_the_shares_are_of_a_hundred() -> None:
    assert sum(SHARES.values()) == 100
