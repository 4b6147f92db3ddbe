from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marskit.lab.lab import Lab
from marskit.lab.named import close_all

MakeLab = Callable[..., Lab]


@pytest.fixture
def lab_of(tmp_path: Path) -> Iterator[MakeLab]:
    """Makes labs on the twin that store their runs in a folder of the test's."""

    def make(*mesh: str, **given: object) -> Lab:
        return Lab(*mesh, **{"runs": tmp_path / "runs", "planner": "threshold", **given})  # type: ignore[arg-type] # as given

    yield make
    close_all()
