"""Names of files stay within what file systems take, and differ where the names differ."""

from marskit.mesh.envoy.resources.model import ClusterKey, file_name
from marskit.mesh.envoy.resources.telemetry_names import parse_cluster_stat

LONGEST_FILE_NAME = 255
LABEL = 63


def key(caller: str, subset: str) -> ClusterKey:
    service = "s" * LABEL
    host = f"{service}.{'n' * LABEL}.svc.cluster.local"
    return ClusterKey(f"{caller}__{service}.{'n' * LABEL}__65535", host, 65535, subset)


def test_a_short_name_is_readable() -> None:
    assert ClusterKey("gateway", "a.b.svc.cluster.local", 80, "v1").file == (
        "eds-gateway~80~v1~a.b.svc.cluster.local.json"
    )


def test_the_longest_names_of_kubernetes_fit_with_a_mark_of_unfinished_files() -> None:
    one = key("a" * LABEL, "v" * LABEL)
    assert len(one.file) < LONGEST_FILE_NAME - len(".unfinished")
    assert one.file == key("a" * LABEL, "v" * LABEL).file


def test_long_names_that_differ_only_at_the_end_have_different_files() -> None:
    names = {key("a" * LABEL, f"{'v' * 61}{n:02}").file for n in range(100)}
    assert len(names) == 100
    assert len({file_name("rds", f"{'d' * 253}__{n}") for n in range(100)}) == 100


def test_statistics_of_long_names_lead_back_to_their_cluster() -> None:
    one = key("a" * LABEL, "v" * LABEL)
    found = parse_cluster_stat(f"cluster.{one.name}.upstream_rq_retry")
    assert found is not None
    assert found.cluster == one
