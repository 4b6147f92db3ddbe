"""Actions as edits: the exact command and diff, and the way back to the very same documents."""

import copy
import json
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marskit.domain.actions import (
    Action,
    Scale,
    SetOutlierDetection,
    SetRetries,
    SetTimeout,
    ShiftTraffic,
)
from marskit.domain.config import RETRY_CONDITIONS, OutlierDetection, Retries
from marskit.mesh.manifests.edit import apply_action, preview_action
from marskit.mesh.manifests.graph import configuration
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.manifests.model import MeshConfig
from marskit.mesh.manifests.patches import Cli
from marskit.mesh.port import ActionError, ActionPreview
from tests.mesh.manifests.shop import FIXTURES, changed, shop

shares = st.integers(0, 100)
durations = st.integers(1, 100_000)
retries = st.just(Retries(0)) | st.builds(
    Retries,
    attempts=st.integers(1, 10),
    per_try_timeout_ms=st.none() | durations,
    retry_on=st.lists(st.sampled_from(RETRY_CONDITIONS), min_size=1, max_size=3).map(",".join),
)
outliers = st.builds(
    OutlierDetection,
    consecutive_5xx=st.integers(0, 100),
    interval_ms=durations,
    base_ejection_ms=durations,
    max_ejection_percent=shares,
)
routes = st.sampled_from([("front", 0), ("cart", 0), ("cart", 1)])
actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Scale, st.sampled_from(["front", "cart-v1", "cart-v2"]), st.integers(0, 50)),
    shares.map(lambda v1: ShiftTraffic("cart", 1, (("v1", v1), ("v2", 100 - v1)))),
    st.builds(lambda r, ms: SetTimeout(r[0], r[1], ms), routes, st.none() | durations),
    st.builds(lambda r, value: SetRetries(r[0], r[1], value), routes, st.none() | retries),
    st.builds(SetOutlierDetection, st.sampled_from(["cart", "front"]), st.none() | outliers),
)


def both(config: MeshConfig, action: Action, *, cli: Cli = "kubectl") -> tuple[MeshConfig, ActionPreview]:
    return apply_action(config, action), preview_action(config, action, cli=cli)


@given(actions)
def test_the_inverse_leads_back_to_the_same_documents(action: Action) -> None:
    before = shop()
    after, preview = both(before, action)
    if preview.inverse is None:
        assert after is before
        assert preview.diff == ""
        return
    assert after.documents != before.documents
    again, back = both(after, preview.inverse)
    assert again == before
    assert back.command == preview.inverse_command
    assert back.inverse == action


@given(st.lists(actions, max_size=6))
def test_no_edit_changes_what_it_was_given(sequence: list[Action]) -> None:
    config = shop()
    bodies = copy.deepcopy([document.body for document in config.documents])
    settings = configuration(config)
    for action in sequence:
        config = apply_action(config, action)
    assert [document.body for document in shop().documents] == bodies
    assert configuration(shop()) == settings


@given(actions)
def test_the_patch_in_the_command_is_the_edit(action: Action) -> None:
    after, preview = both(shop(), action)
    words = shlex.split(preview.command)
    if words[1] == "scale":
        return
    body = copy.deepcopy(
        next(d.body for d in shop().documents if (d.kind.lower(), d.name) == (words[2], words[3]))
    )
    for operation in json.loads(words[-1]):
        *above, last = (int(p) if p.isdecimal() else p for p in operation["path"][1:].split("/"))
        parent = body
        for part in above:
            parent = parent[part]
        match operation["op"]:
            case "test":
                assert parent[last] == operation["value"]
            case "remove":
                del parent[last]
            case "replace":
                assert last in parent
                parent[last] = operation["value"]
            case "add":
                assert last not in parent
                parent[last] = operation["value"]
    expected = next(d.body for d in after.documents if (d.kind.lower(), d.name) == (words[2], words[3]))
    assert body == expected


def test_scaling() -> None:
    after, preview = both(shop(), Scale("front", 3))
    assert preview.command == "kubectl scale deployment/front -n shop --replicas=3 --current-replicas=2"
    assert preview.inverse == Scale("front", 2)
    assert preview.inverse_command == (
        "kubectl scale deployment/front -n shop --replicas=2 --current-replicas=3"
    )
    assert preview.diff.splitlines()[:2] == [
        "--- a/shop.yaml Deployment/front",
        "+++ b/shop.yaml Deployment/front",
    ]
    assert [line for line in preview.diff.splitlines()[3:] if line[0] in "+-"] == [
        "-  replicas: 2",
        "+  replicas: 3",
    ]
    assert configuration(after).replicas_of("front") == 3


def test_scaling_may_leave_the_bounds_that_the_shield_keeps() -> None:
    after = apply_action(shop(), Scale("front", 99))
    assert configuration(after).replicas_of("front") == 99
    assert configuration(apply_action(shop(), Scale("front", 0))).replicas_of("front") == 0


def test_shifting() -> None:
    after, preview = both(shop(), ShiftTraffic("cart", 1, (("v2", 100), ("v1", 0))), cli="oc")
    assert preview.command == (
        "oc patch virtualservice cart -n shop --type=json -p "
        """'[{"op":"test","path":"/spec/http/1/route/0/destination/subset","value":"v1"},"""
        """{"op":"test","path":"/spec/http/1/route/1/destination/subset","value":"v2"},"""
        """{"op":"replace","path":"/spec/http/1/route/0/weight","value":0},"""
        """{"op":"replace","path":"/spec/http/1/route/1/weight","value":100}]'"""
    )
    assert preview.inverse == ShiftTraffic("cart", 1, (("v1", 80), ("v2", 20)))
    assert [d.weight_percent for d in configuration(after).route("cart", 1).destinations] == [0, 100]


def test_a_timeout_is_added_replaced_and_removed() -> None:
    def patch(action: Action) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(shlex.split(preview_action(shop(), action).command)[-1])
        return found

    path = "/spec/http/1/timeout"
    assert patch(SetTimeout("cart", 0, 250)) == [
        {"op": "add", "path": "/spec/http/0/timeout", "value": "250ms"}
    ]
    assert patch(SetTimeout("cart", 1, 3000)) == [
        {"op": "test", "path": path, "value": "1500ms"},
        {"op": "replace", "path": path, "value": "3s"},
    ]
    assert patch(SetTimeout("cart", 1, None)) == [
        {"op": "test", "path": path, "value": "1500ms"},
        {"op": "remove", "path": path},
    ]


def test_what_a_person_wrote_beside_a_setting_stays(tmp_path: Path) -> None:
    file = changed(
        tmp_path,
        "      consecutive5xxErrors: 5\n",
        "      consecutiveGatewayErrors: 2\n      interval: 1.0s\n",
    )
    file.write_text(file.read_text(encoding="utf-8").replace("      interval: 1s\n", ""), encoding="utf-8")
    after = apply_action(load_mesh([file]), SetOutlierDetection("cart", OutlierDetection(5, 1000, 4000, 50)))
    body = next(d.body for d in after.documents if (d.kind, d.name) == ("DestinationRule", "cart"))
    assert body["spec"]["trafficPolicy"]["outlierDetection"] == {
        "consecutiveGatewayErrors": 2,
        "interval": "1.0s",
        "baseEjectionTime": "4s",
        "maxEjectionPercent": 50,
    }
    with pytest.raises(ActionError, match="also ejects after 2 gateway errors, which could not be put back"):
        apply_action(load_mesh([file]), SetOutlierDetection("cart", None))


def test_what_a_mapping_says_survives_an_edit() -> None:
    config = load_mesh([FIXTURES / "bookinfo"], mapping=FIXTURES / "bookinfo" / "mapping.toml")
    after, preview = both(config, Scale("reviews-v3", 2))
    found = next(d for d in after.deployments if d.name == "reviews-v3")
    assert (found.replicas, found.max_replicas, found.local is None) == (2, 3, False)
    assert "--current-replicas=1" in preview.command
    assert "+  replicas: 2" in preview.diff


def test_relative_weights_are_written_as_percentages() -> None:
    config = load_mesh([FIXTURES / "bookinfo"], require_local=False)
    same = ShiftTraffic("reviews", 1, (("v1", 33), ("v3", 67)))
    assert preview_action(config, same).diff == ""
    after, preview = both(config, ShiftTraffic("reviews", 1, (("v1", 50), ("v3", 50))))
    assert preview.inverse == same
    assert [d.weight for d in after.virtual_services[1].http[1].destinations] == [50, 50]


def test_destinations_without_a_subset_go_by_their_service(tmp_path: Path) -> None:
    file = changed(
        tmp_path,
        "            host: front\n      timeout: 2s\n",
        "            host: front\n        - destination:\n            host: cart\n          weight: 1\n",
    )
    after, preview = both(load_mesh([file]), ShiftTraffic("front", 0, (("front", 30), ("cart", 70))))
    assert '"path":"/spec/http/0/route/0/destination/host","value":"front"' in preview.command
    assert '{"op":"add","path":"/spec/http/0/route/0/weight","value":30}' in preview.command
    assert [d.weight for d in after.virtual_services[0].http[0].destinations] == [30, 70]


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (
            Scale("cart", 1),
            "Deployment cart does not exist (did you mean cart-v2?); choose from front, cart-v1, cart-v2",
        ),
        (Scale("front", -1), "replicas of front must be 0 or more, not -1"),
        (SetTimeout("basket", 0, 1), "VirtualService basket does not exist; choose from front, cart"),
        (SetTimeout("cart", 2, 1), "VirtualService cart has no route 2; it has 0 to 1"),
        (SetTimeout("cart", -1, 1), "VirtualService cart has no route -1; it has 0 to 1"),
        (SetTimeout("cart", 1, 0), "timeout of cart[1] must be 1 ms or more, not 0"),
        (SetTimeout("cart", 1, -5), "timeout of cart[1] must be 1 ms or more, not -5"),
        (
            ShiftTraffic("cart", 1, (("v1", 60), ("v2", 30))),
            "weights of cart[1] must be 0 or more and add up to 100, not v1 60, v2 30",
        ),
        (
            ShiftTraffic("cart", 1, (("v1", 130), ("v2", -30))),
            "weights of cart[1] must be 0 or more and add up to 100, not v1 130, v2 -30",
        ),
        (
            ShiftTraffic("cart", 1, (("v1", 60), ("v3", 40))),
            "cart[1] has the destinations v1, v2, but the weights are for v1, v3",
        ),
        (
            ShiftTraffic("cart", 1, (("v1", 100),)),
            "cart[1] has the destinations v1, v2, but the weights are for v1",
        ),
        (ShiftTraffic("cart", 1, ()), "cart[1] has the destinations v1, v2, but the weights are for (none)"),
        (
            SetRetries("cart", 1, Retries(-1)),
            "VirtualService cart: spec.http[1].retries.attempts is -1, but must be a whole number"
            " of 0 or more",
        ),
        (
            SetOutlierDetection("cart", OutlierDetection(5, 1000, 3000, 150)),
            "DestinationRule cart: spec.trafficPolicy.outlierDetection.maxEjectionPercent is 150, but must be"
            " a whole number from 0 to 100",
        ),
        (
            SetOutlierDetection("basket", None),
            "DestinationRule basket does not exist; choose from cart, front",
        ),
    ],
)
def test_actions_that_do_not_fit(action: Action, sentence: str) -> None:
    with pytest.raises(ActionError) as caught:
        apply_action(shop(), action)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("old", "new", "action", "names"),
    [
        (
            "        attempts: 2\n",
            "        attempts: 2\n        backoff: 30ms\n",
            SetRetries("cart", 1, None),
            "backoff",
        ),
        (
            "        attempts: 2\n",
            "        attempts: 2\n        retryRemoteLocalities: true\n",
            SetRetries("cart", 1, Retries(0)),
            "retryRemoteLocalities",
        ),
        (
            "      maxEjectionPercent: 50\n",
            "      maxEjectionPercent: 50\n      minHealthPercent: 30\n",
            SetOutlierDetection("cart", None),
            "minHealthPercent",
        ),
    ],
)
def test_what_could_not_be_put_back_is_not_removed(
    old: str, new: str, action: Action, names: str, tmp_path: Path
) -> None:
    config = load_mesh([changed(tmp_path, old, new)])
    with pytest.raises(
        ActionError, match=f"have {names} too, which could not be put back; edit the manifest"
    ):
        apply_action(config, action)


def test_other_settings_of_retries_are_kept(tmp_path: Path) -> None:
    file = changed(tmp_path, "        attempts: 2\n", "        attempts: 2\n        backoff: 30ms\n")
    before = load_mesh([file])
    for attempts in (0, 3):
        after, preview = both(before, SetRetries("cart", 1, Retries(attempts)))
        assert after.virtual_services[1].http[1].retry_choice.backoff_ms == 30
        assert preview.inverse is not None
        assert apply_action(after, preview.inverse) == before


def test_settings_for_a_port_would_hide_an_action(tmp_path: Path) -> None:
    ports = "    portLevelSettings: [{port: {number: 8080}, loadBalancer: {simple: RANDOM}}]\n"
    policy = "      maxEjectionPercent: 50\n"
    config = load_mesh([changed(tmp_path, policy, policy + ports)])
    with pytest.raises(ActionError, match="is for ports too, in portLevelSettings, which go before it"):
        apply_action(config, SetOutlierDetection("cart", None))
