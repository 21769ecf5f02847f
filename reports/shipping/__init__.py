"""Shipping: the log as JSON lines for other systems, from a place that is kept in the database."""
