"""What goes wrong with manifests of others: one sentence each, and nothing is left running."""

import re
from pathlib import Path

import pytest

from marskit.domain.topology import GATEWAY
from marskit.mesh.envoy import adapter, replicas
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.manifests.graph import topology
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import ManifestError, MeshConfig
from marskit.mesh.port import MeshError
from marskit.system.free_ports import PortPicker
from marskit.timing.clock import LoopClock
from tests.mesh.envoy.bookshop import BOOKSHOP, MANIFESTS, MAPPING, children, mapping_with, opened

mesh = pytest.mark.mesh
RATINGS = f'command = ["node", "{BOOKSHOP}/app/ratings.mjs"]'
NO_MEANING = "has no effect here and is ignored"

# In the style of demos that were written for OpenShift Service Mesh 2.
OPENSHIFT_2 = """\
apiVersion: maistra.io/v1
kind: ServiceMeshMemberRoll
metadata: {name: default, namespace: istio-system}
spec: {members: [default]}
---
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: shop}
spec: {to: {kind: Service, name: istio-ingressgateway}}
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets:
    - {name: plain, labels: {version: v1}}
    - {name: black, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: plain}
spec:
  hosts: [reviews]
  http:
    - match: [{uri: {prefix: /reviews}}]
      route: [{destination: {host: reviews, subset: plain}, weight: 50}]
"""
SECOND_CLAIM = """\
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: black}
spec:
  hosts: [reviews]
  http:
    - route: [{destination: {host: reviews, subset: black}, weight: 50}]
"""
GATEWAY_RULE = """\
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: bookshop}
spec:
  hosts: ["*"]
  gateways: [bookshop-gateway]
  http:
    - match: [{uri: {prefix: /shop}}]
      rewrite: {uri: "%s"}
      route: [{destination: {host: productpage}}]
"""
GATEWAY_ALONE = MANIFESTS.joinpath("gateway.yaml").read_text().split("---\n")[0]
WORKLOADS = MANIFESTS / "bookshop.yaml"


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def refused(*paths: Path, mapping: Path = MAPPING) -> str:
    """The sentences by which the manifests are refused before anything is started, one a line."""
    with pytest.raises(ManifestError) as caught:
        load_mesh(paths, mapping=mapping)
    return str(caught.value)


async def fails(mapping: Path) -> str:
    """The sentence with which the start fails; nothing is left of the attempt."""
    before = children()
    subject = EnvoyMesh(load_mesh([MANIFESTS], mapping=mapping), clock=LoopClock(), seed=1)
    with pytest.raises(MeshError) as caught:
        await subject.start(lambda event: None)
    assert children() <= before
    assert not subject._folder.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_without_a_mapping_are_all_named(tmp_path: Path) -> None:
    mapping = mapping_with(
        tmp_path, ("example/ratings", "example/reviews"), ("example/details", "example/productpage:1.0")
    )
    details, ratings = refused(MANIFESTS, mapping=mapping).splitlines()
    for sentence, name in ((details, "details"), (ratings, "ratings")):
        assert sentence.startswith(f"{WORKLOADS}:")
        assert f"Deployment {name}-v1: it does not define how it runs" in sentence
        assert sentence.endswith(f'images."docker.io/example/{name}:1.0".command in a mapping file')


def test_a_mapping_for_an_unknown_image(tmp_path: Path) -> None:
    mapping = mapping_with(tmp_path, ("example/ratings", "example/rating"))
    _, sentence = refused(MANIFESTS, mapping=mapping).splitlines()
    line = mapping.read_text().splitlines().index('[images."docker.io/example/rating"]') + 1
    assert sentence.startswith(
        f'{mapping}:{line}: images."docker.io/example/rating" names nothing in the manifests'
        " (did you mean docker.io/example/ratings?)"
    )


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (
            ["no-such-program", "{port}"],
            "Deployment ratings-v1 cannot be run: the program no-such-program is not on PATH",
        ),
        (["./missing", "{port}"], "Deployment ratings-v1 cannot be run: the program "),
        (["./mapping.toml", "{port}"], "mapping.toml may not be executed"),
    ],
)
async def test_a_program_that_cannot_run(command: list[str], sentence: str, tmp_path: Path) -> None:
    config = load_mesh([MANIFESTS], mapping=mapping_with(tmp_path, (RATINGS, f"command = {command}")))
    with pytest.raises(MeshError, match=re.escape(sentence)):
        EnvoyMesh(config, clock=LoopClock(), seed=1)


@mesh
async def test_a_program_that_ends_again_and_again(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo hello; echo the till is locked >&2; exit 3", "{port}"]
    sentence = await fails(mapping_with(tmp_path, (RATINGS, f"command = {command}")))
    assert "ratings-v1-1 does not start: the till is locked" in sentence


@mesh
async def test_a_process_that_never_becomes_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A workload waits as long as its probes do, if that is longer.
    monkeypatch.setattr(adapter, "START_TIMEOUT_S", 2.0)
    monkeypatch.setattr(replicas, "READY_TIMEOUT_S", 1.0)
    command = ["sh", "-c", "echo counting the books; exec sleep 60", "{port}"]
    sentence = await fails(mapping_with(tmp_path, (RATINGS, f"command = {command}")))
    assert sentence == "ratings-v1 does not become ready within 2 s: counting the books"


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("batch/v1", "Job"),
        ("apps/v1", "StatefulSet"),
        ("networking.k8s.io/v1", "Ingress"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        ("networking.istio.io/v1alpha3", "EnvoyFilter"),
        ("networking.istio.io/v1", "ServiceEntry"),
        ("security.istio.io/v1", "PeerAuthentication"),
        ("example.com/v1", "Bookshelf"),
    ],
)
def test_kinds_that_are_not_supported(api_version: str, kind: str, tmp_path: Path) -> None:
    file = write(tmp_path, "more.yaml", f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x}}\n")
    assert refused(MANIFESTS, file).startswith(
        f"{file}:2: kind {kind} is not supported by marskit's local mesh"
    )


def test_a_gateway_of_another_api(tmp_path: Path) -> None:
    text = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: x}\n"
    file = write(tmp_path, "more.yaml", text)
    sentence = refused(MANIFESTS, file)
    assert sentence.startswith(f'{file}:1: apiVersion is "gateway.networking.k8s.io/v1", but must be one of')


def test_two_steps_of_the_walk_claim_one_host() -> None:
    steps = sorted((BOOKSHOP / "walk").iterdir())[:2]
    sentence = refused(MANIFESTS, *steps)
    assert all(str(step) in sentence for step in steps)
    assert "VirtualService reviews in namespace default exists already" in sentence


def test_the_old_demos_two_virtual_services_for_one_host(tmp_path: Path) -> None:
    first, second = write(tmp_path, "1.yaml", OPENSHIFT_2), write(tmp_path, "2.yaml", SECOND_CLAIM)
    sentence = refused(WORKLOADS, MANIFESTS / "gateway.yaml", first, second)
    assert sentence == (
        f"{second}:5: VirtualService black: reviews.default.svc.cluster.local is claimed by"
        f" VirtualService plain in {first}:20 too, and a sidecar would use only one of them: put the"
        " routes into one VirtualService"
    )


@mesh
async def test_the_old_demos_other_kinds_are_passed_over(tmp_path: Path) -> None:
    old = write(tmp_path, "old.yaml", OPENSHIFT_2)
    config = load_mesh([WORKLOADS, MANIFESTS / "gateway.yaml", old], mapping=MAPPING)
    assert config.notices == (
        f"{old}:1: ServiceMeshMemberRoll default {NO_MEANING}",
        f"{old}:6: Route shop {NO_MEANING}",
    )
    async with opened(config) as shop:
        assert {page.version for page in await shop.pages(10)} == {"v1"}
        assert {sentence for sentence in shop.sentences() if NO_MEANING in sentence} == set(config.notices)


def test_the_old_demos_rewrite_by_a_blank_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "gateway.yaml", f"{GATEWAY_ALONE}---\n{GATEWAY_RULE % ' '}")
    assert (
        ': VirtualService bookshop: spec.http[0].rewrite.uri is " ", but must be a path that begins with /'
        in (refused(WORKLOADS, file))
    )


async def test_a_mesh_needs_an_entrance(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="there is no Gateway, so no request could enter the mesh: add"):
        EnvoyMesh(load_mesh([WORKLOADS], mapping=MAPPING), clock=LoopClock(), seed=1)
    alone = write(tmp_path, "gateway.yaml", GATEWAY_ALONE)
    config = load_mesh([WORKLOADS, alone], mapping=MAPPING)
    (notice,) = config.notices
    assert notice.endswith(
        "bookshop-gateway: no VirtualService is bound to it, so every request that enters there gets a 404"
    )


def test_names_that_stand_for_something_else(tmp_path: Path) -> None:
    for name, meaning in ((GATEWAY, "the gateway"), ("unknown", "requests that reach no workload")):
        file = write(
            tmp_path, "bookshop.yaml", WORKLOADS.read_text().replace("name: ratings-v1", f"name: {name}")
        )
        assert f"Deployment {name}: has the name that stands for {meaning}; use another" in refused(
            file, MANIFESTS / "gateway.yaml", MANIFESTS / "subsets.yaml"
        )


def ports(folder: Path, ratings: str) -> Path:
    """The workloads, with another port of the ratings."""
    head, name, tail = WORKLOADS.read_text().partition("selector: {app: ratings}")
    return write(folder, "bookshop.yaml", head + name + tail.replace("{name: http, port: 9080}", ratings, 1))


@pytest.mark.parametrize(
    ("port", "protocol"),
    [
        ("{name: grpc, port: 9080}", "grpc"),
        ("{name: grpc-web-ratings, port: 9080}", "grpc-web"),
        ("{name: tcp-ratings, port: 9080}", "tcp"),
        ("{name: http, appProtocol: redis, port: 9080}", "redis"),
    ],
)
def test_a_call_that_is_not_http(port: str, protocol: str, tmp_path: Path) -> None:
    sentence = refused(ports(tmp_path, port), MANIFESTS / "gateway.yaml", MANIFESTS / "subsets.yaml")
    assert (
        "Deployment reviews-v2: the variable RATINGS_HOST addresses port 9080 of Service ratings, which"
        f" carries {protocol}, while"
    ) in sentence


def load_without_calls(tmp_path: Path, port: str) -> MeshConfig:
    colours = (
        ('STARS = "black"', 'STARS = "black", RATINGS_HOST = "127.0.0.1"'),
        ('STARS = "red"', 'STARS = "red", RATINGS_HOST = "127.0.0.1"'),
    )
    return load_mesh(
        [ports(tmp_path, port), MANIFESTS / "gateway.yaml", MANIFESTS / "subsets.yaml"],
        mapping=mapping_with(tmp_path, *colours),
    )


def test_a_port_that_nobody_calls_may_carry_anything(tmp_path: Path) -> None:
    config = load_without_calls(tmp_path, "{name: redis, port: 6379}")
    assert [notice.partition(": ")[2] for notice in config.notices] == [
        "Service ratings: port 6379 carries redis and is left out, while marskit's local mesh carries"
        " HTTP/1.1 only"
    ]
    assert not {edge for edge in topology(config).edges if edge.service == "ratings"}
    for port in ("{name: web, port: 9080}", "{port: 9080}", "{name: tcp, appProtocol: HTTP, port: 9080}"):
        assert not load_without_calls(tmp_path, port).notices


@mesh
async def test_a_chosen_port_is_the_first_of_several(tmp_path: Path) -> None:
    second = '    - {port: {number: 9000, name: http-back, protocol: HTTP}, hosts: ["*"]}\n---\n'
    text = MANIFESTS.joinpath("gateway.yaml").read_text().replace("---\n", second)
    file = write(tmp_path, "gateway.yaml", text)
    config = load_mesh([WORKLOADS, file, MANIFESTS / "subsets.yaml"], mapping=MAPPING)
    port = PortPicker().pick()
    async with opened(config, gateway_port=port) as shop:
        assert shop.url == f"http://127.0.0.1:{port}"
        assert (await shop.page()).status == 200


WORKER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: night-watch}
spec:
  selector: {matchLabels: {app: night-watch}}
  template:
    metadata: {labels: {app: night-watch}}
    spec:
      containers:
        - {name: log-shipper, image: docker.io/example/log-shipper:1.0}
        - name: watch
          image: docker.io/example/night-watch:1.0
          env: [{name: REVIEWS, value: "http://reviews.elsewhere.svc.cluster.local:9080"}]
"""
WATCH = (
    "[replicas.",
    '[images."docker.io/example/night-watch"]\ncommand = ["sleep", "{port}"]\n\n[replicas.',
)


@mesh
async def test_a_worker_that_nobody_calls_need_not_listen(tmp_path: Path) -> None:
    file = write(tmp_path, "worker.yaml", WORKER)
    config = load_mesh([MANIFESTS, file], mapping=mapping_with(tmp_path, WATCH))
    assert [notice.partition(": ")[2] for notice in config.notices] == [
        # The mapping tells which container is the application.
        "Deployment night-watch: the container log-shipper is not run on this machine",
        "Deployment night-watch: the variable REVIEWS addresses reviews.elsewhere.svc.cluster.local, which "
        "is not a Service here, so it is not a call",
    ]
    async with opened(config) as shop:
        assert shop.serving("night-watch") == 1
        assert (await shop.page()).status == 200


async def test_names_that_together_are_too_long_for_a_file(tmp_path: Path) -> None:
    name = "night-watch" * 20
    text = WORKER.replace("name: night-watch", f"name: {name}").replace(
        "reviews.elsewhere.svc.cluster.local", "reviews"
    )
    config = load_mesh(
        [MANIFESTS, write(tmp_path, "worker.yaml", text)], mapping=mapping_with(tmp_path, WATCH)
    )
    async with opened(config) as shop:
        assert shop.serving(name) == 1
        assert (await shop.page()).status == 200
