"""What capture costs: microseconds a row, throughput of one-row updates, bytes a change."""
