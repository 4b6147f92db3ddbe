"""The labels of an edge, in variants from long to short."""

from marskit import text
from marskit.tui.drawing.rows import Row
from marskit.views.topology import EdgeView


def edge_text(edge: EdgeView) -> tuple[list[Row], list[Row]]:
    """The labels above the line (rate) and below it (latency and errors), each from long to short."""
    return _flow(edge), _quality(edge)


def _flow(edge: EdgeView) -> list[Row]:
    if not edge.requests_per_s:
        return [()] if edge.requests_per_s is None else [(("no traffic", "dim"),)]
    rate: Row = ((text.rate(edge.requests_per_s), "plain"),)
    short: Row = ((f"{text.number(edge.requests_per_s)}/s", "plain"),)
    split = text.weight(edge.weight_percent, edge.share_percent)
    if not split:
        return [rate, short]
    weight: Row = (("  ", "plain"), (split, "accent"))
    tight: Row = ((" ", "plain"), (split.replace(" ", ""), "accent"))
    return [(*rate, *weight), (*short, *weight), (*short, *tight), rate, short]


def _quality(edge: EdgeView) -> list[Row]:
    role = edge.health if edge.health != "unknown" else "dim"
    p95 = text.quantile(edge.p95_ms, trusted=edge.trusted)
    latency: Row = (("p95 ", "dim"), (p95, role))
    count: Row = ((f" n {edge.n}", "dim"),)
    if not edge.requests_per_s:
        return [()]
    bad: Row = ()
    if edge.error_percent:
        bad = ((f"  ✖ {text.percent(edge.error_percent)}", "bad"),)
    if edge.ejected:
        bad = (*bad, (f"  {edge.ejected} out", "warn"))
    return [(*latency, *count, *bad), (*latency, *bad), ((p95, role), *bad), latency, ((p95, role),)]
