"""Counters."""

from citrine_edge.metrics import Metrics


def test_counts_are_rendered_by_label() -> None:
    metrics = Metrics()
    metrics.dropped.inc("late")
    metrics.dropped.inc("late")
    metrics.dropped.inc('odd "name"')
    metrics.link_losses.inc()

    lines = metrics.render().decode().splitlines()

    assert 'citrine_edge_dropped_total{reason="late"} 2.0' in lines
    assert 'citrine_edge_dropped_total{reason="odd \\"name\\""} 1.0' in lines
    assert "citrine_edge_link_losses_total 1.0" in lines


def test_two_edges_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.link_losses.inc()

    assert "citrine_edge_link_losses_total 1.0" not in second.render().decode()
