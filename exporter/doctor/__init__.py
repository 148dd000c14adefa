"""What a real account says about everything that no document does: `atess-exporter doctor`.

`plan` says what to ask, `survey` asks it through `exchange`, and each check reads the `observations` that this gave:
`connection`, `token`, `paths`, `fields`, `times`, `timezone`, `power`, `durations`, `battery`, `grid`, `lists`, `history`,
`rate`. `examination` has them all, and the open facts that they settle; `proposal` is the config that follows. `report` and
`capture` are what may leave the site.
"""
