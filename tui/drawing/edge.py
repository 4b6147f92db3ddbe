"""The labels of an edge, in variants from long to short."""

from marskit.tui.drawing.rows import Row, spans
from marskit.views.labels import EdgeLabel


def edge_text(edge: EdgeLabel) -> tuple[list[Row], list[Row]]:
    """The labels above the line (rate) and below it (latency and errors), each from long to short."""
    return _flow(edge), _quality(edge)


def _flow(edge: EdgeLabel) -> list[Row]:
    rate, short = spans(edge.rate), spans(edge.short_rate)
    if not short or edge.weight is None:
        return [rate, short] if short else [rate]
    weight: Row = (("  ", "plain"), *spans(edge.weight))
    tight: Row = ((" ", "plain"), *spans(edge.short_weight))
    return [(*rate, *weight), (*short, *weight), (*short, *tight), rate, short]


def _quality(edge: EdgeLabel) -> list[Row]:
    if edge.p95 is None:
        return [()]
    p95, count = spans(edge.p95), spans(edge.count, lead=" ")
    latency: Row = (*spans(edge.p95_name), (" ", "dim"), *p95)
    bad = spans(edge.failed, edge.ejected, lead="  ")
    return [(*latency, *count, *bad), (*latency, *bad), (*p95, *bad), latency, p95]
