"""What a real account says about everything that no document does: `atess-exporter doctor`.

`plan` says what to ask, `survey` asks it through `exchange`, and each check reads the `observations` that this gave:
`connection`, `token`, `paths`, `fields`, `times`, `power`, `durations`, `battery`, `grid`, `lists`, `history`, `rate`. `facts`
are the open questions that the run has settled, `proposal` is the config that follows from it. `report` and `capture` are what
may leave the site.
"""
