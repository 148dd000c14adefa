"""The servers that are compared: each a program of its own, `python -m benchmarks.servers.NAME DEVICES` (one is in Go).

Each prints `listening on URL`. On the line `change` on standard input it changes the readings of the next 5 % of its devices and
answers `done`. It ends with its input.
"""
