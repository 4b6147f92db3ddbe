"""How deep in the call graph each workload lies."""

from marskit.domain.topology import GATEWAY, Topology


def call_depths(topology: Topology) -> dict[str, int]:
    """The longest call path from the gateway to each workload, counted from 1; cycles are cut.

    Taking the longest path puts every callee to the right of all its callers.
    """
    depths = {workload.name: 1 for workload in topology.workloads}
    calls = [(edge.source, edge.workload) for edge in topology.edges if edge.source in depths]
    back = _back_calls(topology)
    for _ in depths:
        for source, target in calls:
            if target in depths and (source, target) not in back:
                depths[target] = max(depths[target], depths[source] + 1)
    return depths


def _back_calls(topology: Topology) -> set[tuple[str, str]]:
    """The calls that close a cycle, found by walking from the gateway, then from unvisited workloads."""
    names = [workload.name for workload in topology.workloads]
    callees: dict[str, list[str]] = {name: [] for name in (GATEWAY, *names)}
    for edge in topology.edges:
        if edge.source in callees and edge.workload in callees:
            callees[edge.source].append(edge.workload)
    back: set[tuple[str, str]] = set()
    done: set[str] = set()
    for root in (GATEWAY, *names):
        if root in done:
            continue
        path, on_path = [(root, iter(callees[root]))], {root}
        while path:
            name, rest = path[-1]
            step = next(rest, None)
            if step is None:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif step in on_path:
                back.add((name, step))
            elif step not in done:
                path.append((step, iter(callees[step])))
                on_path.add(step)
    return back
