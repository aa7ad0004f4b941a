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


def test_sizes_of_batches_are_counted_up_to_each_bound() -> None:
    metrics = Metrics()
    for value in (1, 2, 3, 256, 257):
        metrics.batch_items.of("up").observe(value)

    lines = metrics.render().decode().splitlines()

    counts = [line.rpartition(" ")[2] for line in lines if line.startswith("citrine_edge_batch_items_bucket")]
    assert counts[:9] == ["1.0", "2.0", "3.0", "3.0", "3.0", "3.0", "3.0", "4.0", "5.0"]
    assert 'citrine_edge_batch_items_bucket{direction="up",le="256.0"} 4.0' in lines
    assert 'citrine_edge_batch_items_bucket{direction="up",le="+Inf"} 5.0' in lines
    assert 'citrine_edge_batch_items_count{direction="up"} 5.0' in lines
    assert 'citrine_edge_batch_items_sum{direction="up"} 519.0' in lines
    assert 'citrine_edge_batch_items_count{direction="down"} 0.0' in lines
