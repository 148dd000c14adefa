"""The servers that are compared: each a program of its own, `python -m benchmarks.servers.NAME DEVICES` (one is in Go).

Each prints `listening on URL`, and answers every line on standard input with a line, having changed the readings of the next
5 % of its devices; it ends with its input.
"""
