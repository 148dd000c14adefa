"""The Grafana dashboards, as the Python that writes them: `python -m grafana.generate`."""
