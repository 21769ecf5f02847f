"""Alerts: sensitive changes are told at once, by mail and to a webhook."""
