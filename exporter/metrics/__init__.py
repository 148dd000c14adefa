"""Readings as Prometheus series: names, storage and exposition, and the exporter's own metrics."""
