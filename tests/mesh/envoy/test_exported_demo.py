"""Whoever exports the demo and edits its services gets what they edited."""

import shutil
from pathlib import Path

import httpx
import pytest

from marskit.demo import DEMO_SERVICES, export_demo
from marskit.domain.events import Progressed
from marskit.mesh.envoy import demo_services
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.envoy.npm_cache import find
from marskit.mesh.envoy.npm_workspace import read_workspace
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.port import MeshEvent
from marskit.timing.clock import LoopClock

pytestmark = pytest.mark.mesh


def state_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, which holds what earlier starts of the demo have downloaded."""
    demo_services.install_dependencies()
    lease = find(read_workspace(DEMO_SERVICES))
    assert lease is not None
    with lease:
        entry = lease.folder.parent
        shutil.copytree(entry, tmp_path / "cache" / "marskit" / "services" / entry.name, symlinks=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("cache")
async def test_edited_services_run_and_nothing_is_written_beside_them(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    export_demo(shop)
    source = shop / "src" / "orders" / "orders.js"
    text = source.read_text()
    assert "orders: orders.latest()" in text
    source.write_text(text.replace("orders: orders.latest()", "edited: 'by hand'"))
    before, shipped = state_of(shop), state_of(DEMO_SERVICES)

    config = load_mesh([shop / "k8s" / "base", shop / "service-mesh"])
    mesh = EnvoyMesh(config, clock=LoopClock(), seed=1)
    events: list[MeshEvent] = []
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        try:
            url = await mesh.start(events.append)
            answer = await client.get(f"{url}/orders")
            order = {"item": "book", "quantity": 1, "amount": 1.5}
            placed = await client.post(f"{url}/orders", json=order)
        finally:
            await mesh.stop()
    assert answer.json() == {"edited": "by hand"}
    assert placed.status_code == 201
    told = [event.detail for event in events if isinstance(event, Progressed) and event.step == "packages"]
    assert told == ["copying the npm packages of an earlier start"]
    assert state_of(shop) == before
    assert state_of(DEMO_SERVICES) == shipped
