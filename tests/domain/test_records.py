import pytest

from marskit.domain.config import Configuration, Destination, RouteSetting
from marskit.domain.diagnosis import Diagnosis, SloStatus
from marskit.domain.goals import Goals, Slo, Utility
from marskit.domain.metrics import ConfigGeneration
from marskit.domain.observation import Latency, Observation, ServiceObservation, WorkloadObservation
from marskit.domain.topology import GATEWAY, EdgeId, Service, Topology, Workload

INTO_ORDERS = EdgeId(GATEWAY, "orders", "orders")
TO_FOOD = EdgeId("orders", "recommendations", "food")
TO_MUSIC = EdgeId("orders", "recommendations", "music")
TOPOLOGY = Topology(
    "demo",
    (Service("orders", "demo", 80, ("orders",)), Service("recommendations", "demo", 80, ("food", "music"))),
    (Workload("orders", "orders", None),),
    (INTO_ORDERS, TO_FOOD, TO_MUSIC),
)


def status(*, latency: bool | None, availability: bool | None) -> SloStatus:
    return SloStatus("orders", 300.0, 200.0, latency, 99.9, availability, 100)


@pytest.mark.parametrize(
    ("latency", "availability", "met"),
    [
        (True, True, True),
        (True, None, True),
        (None, True, True),
        (False, True, False),
        (True, False, False),
        (False, None, False),
        (None, None, None),
    ],
)
def test_an_objective_is_met_as_far_as_it_can_be_judged(
    *, latency: bool | None, availability: bool | None, met: bool | None
) -> None:
    one = status(latency=latency, availability=availability)
    assert one.met is met
    diagnosis = Diagnosis(
        (one, status(latency=None, availability=None)), (), None, Utility(0, 0, 0, 0, 0), ""
    )
    assert diagnosis.slo_met is met


def test_two_samples_above_the_p95_make_it_trusted() -> None:
    assert not Latency(n=39, p95_ms=1.0).p95_is_trusted
    assert Latency(n=40, p95_ms=1.0).p95_is_trusted


def test_shares_of_no_requests_are_unknown_not_zero() -> None:
    assert ServiceObservation("orders", 0.0, 0.0, Latency()).error_percent is None
    assert ServiceObservation("orders", 8.0, 2.0, Latency()).error_percent == 25.0


def test_utility_is_what_was_gained_less_the_rest() -> None:
    assert Utility(100.0, 10.0, 5.0, 20.0, 1.0).total == 64.0


def test_the_call_graph_is_read_off_the_edges() -> None:
    assert TOPOLOGY.callees(GATEWAY) == ("orders",)
    assert TOPOLOGY.callees("orders") == ("recommendations",)
    assert TOPOLOGY.callees("food") == ()
    assert str(TO_FOOD) == "orders → food"


def test_unknown_names_are_key_errors() -> None:
    observation = Observation(0.0, 1.0, (), (), (), None, ConfigGeneration())
    config = Configuration((("orders", 1),), (), ())
    for lookup in (
        TOPOLOGY.service,
        TOPOLOGY.workload,
        observation.service,
        observation.workload,
        config.replicas_of,
    ):
        with pytest.raises(KeyError, match="carts"):
            lookup("carts")
    with pytest.raises(KeyError, match=r"carts\[0\]"):
        config.route("carts", 0)


def test_known_names_are_found() -> None:
    food = WorkloadObservation("food", "recommendations", 1, 1, 5.0, None, None)
    service = ServiceObservation("recommendations", 5.0, 0.0, Latency())
    observation = Observation(0.0, 1.0, (service,), (food,), (), None, ConfigGeneration())
    assert observation.workload("food") is food
    assert observation.service("recommendations") is service
    split = (Destination("recommendations", "food", "food", 100),)
    route = RouteSetting("recommendations", 0, None, split, None, None)
    config = Configuration((("food", 2),), (route,), ())
    assert config.replicas_of("food") == 2
    assert config.route("recommendations", 0) is route
    assert config.routes_to("recommendations") == (route,)
    assert config.routes_to("orders") == ()
    assert route.label == "recommendations[0]"
    slo = Slo("orders", 300.0)
    assert Goals((slo,)).slo("orders") is slo
    assert Goals((slo,)).slo("food") is None
