"""History -> OpenMetrics: reads the history that the cloud keeps, and writes it in the form that promtool takes.

The life of a row: `fetch` requests a page, `rows` parses it, `spill` keeps it on disk. `window` decides whether the pages of a
window are complete, `localtime` turns its rows' local times into Unix time, `output` writes the families. `command` is the
subcommand, `plan` what there is to read, `runner` the run with its threads, `progress` and `report` what it tells the user.
"""
