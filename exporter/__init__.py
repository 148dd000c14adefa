"""Prometheus exporter for ATESS solar inverters and batteries, read from the Enerclo cloud."""

__version__ = "0.2.0"
