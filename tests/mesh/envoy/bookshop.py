"""The example that knows nothing of marskit, run from its manifests and its mapping file."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from marskit.domain.events import Noticed
from marskit.domain.metrics import EdgeSample, MeshSample
from marskit.domain.topology import GATEWAY, EdgeId
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.port import MeshEvent
from marskit.timing.clock import LoopClock
from tests.paths import ROOT

BOOKSHOP = ROOT / "examples" / "bookshop"
MANIFESTS = BOOKSHOP / "manifests"
MAPPING = BOOKSHOP / "marskit.toml"

PAGE = EdgeId(GATEWAY, "productpage", "productpage-v1")
DETAILS = EdgeId("productpage-v1", "details", "details-v1")


@dataclass(frozen=True, slots=True)
class Page:
    """What a reader sees, and how long that took."""

    status: int
    details: dict[str, Any]
    reviews: dict[str, Any]
    took_s: float

    @property
    def version(self) -> str | None:
        """Of the reviews; None when they are missing."""
        return self.reviews.get("version")

    @property
    def stars(self) -> dict[str, Any] | None:
        """What the ratings said to the reviews; None when they were not asked."""
        return self.reviews.get("stars")


@dataclass(frozen=True, slots=True)
class Shop:
    """The bookshop, open."""

    mesh: EnvoyMesh
    url: str
    client: httpx.AsyncClient
    events: list[MeshEvent]

    async def page(self, reader: str | None = None) -> Page:
        start_s = time.monotonic()
        headers = {"end-user": reader} if reader else {}
        answer = await self.client.get(f"{self.url}/productpage", headers=headers)
        body = answer.json()
        return Page(answer.status_code, body["details"], body["reviews"], time.monotonic() - start_s)

    async def pages(self, count: int, *, at_once: int = 6) -> list[Page]:
        gate = asyncio.Semaphore(at_once)

        async def one() -> Page:
            async with gate:
                return await self.page()

        return await asyncio.gather(*(one() for _ in range(count)))

    async def sample(self) -> MeshSample:
        return await self.mesh.sample()

    async def edges(self) -> dict[EdgeId, EdgeSample]:
        return {sample.edge: sample for sample in (await self.sample()).edges}

    def serving(self, workload: str) -> int:
        return len(self.mesh._sets[workload].serving)

    def sentences(self) -> list[str]:
        return [event.sentence for event in self.events if isinstance(event, Noticed)]


@asynccontextmanager
async def bookshop(*walk: str, mapping: Path = MAPPING) -> AsyncIterator[Shop]:
    """Open the shop with files of the walk beside its manifests; nothing of it is left afterwards."""
    paths = [MANIFESTS, *(BOOKSHOP / "walk" / f"{step}.yaml" for step in walk)]
    async with opened(load_mesh(paths, mapping=mapping)) as shop:
        yield shop


@asynccontextmanager
async def opened(config: MeshConfig, *, gateway_port: int | None = None) -> AsyncIterator[Shop]:
    """Open a shop that has been read already."""
    mesh = EnvoyMesh(config, clock=LoopClock(), seed=1, gateway_port=gateway_port)
    events: list[MeshEvent] = []
    before = children()
    try:
        url = await mesh.start(events.append)
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            yield Shop(mesh, url, client, events)
    finally:
        await mesh.stop()
    assert children() <= before


def children() -> set[int]:
    """Every process below this one."""
    return {child.pid for child in psutil.Process().children(recursive=True)}


def mapping_with(folder: Path, *changes: tuple[str, str]) -> Path:
    """The example's mapping file with some text replaced, in another folder."""
    text = MAPPING.read_text().replace('"app/', f'"{BOOKSHOP}/app/')
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / "mapping.toml"
    file.write_text(text)
    return file


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - other processes can only be polled
            await asyncio.sleep(0.01)
