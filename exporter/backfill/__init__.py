"""History -> OpenMetrics: reads what the cloud keeps of devices and writes it as Prometheus' promtool takes it.

The way of a row: `fetch` asks for a page, `rows` reads it, `spill` keeps it on disk; `window` judges whether the pages of a span
are whole, `localtime` dates their rows; `output` writes the families. `run` has it all done.
"""
