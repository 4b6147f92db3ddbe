from collections.abc import Iterator

import pytest

from tests.mesh.envoy.resources.bench import Bench, running_bench
from tests.mesh.envoy.resources.factory import config


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    backends = ("shop-food", "shop-music", "shop-music#2", "till")
    with running_bench(tmp_path_factory.mktemp("envoy"), config(), backends) as running:
        yield running
