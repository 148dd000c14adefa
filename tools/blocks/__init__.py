"""The fenced blocks of the documentation: shell blocks that run, configs that are checked, output that is shown.

`python -m tools.blocks PAGE ...` tries every block of these pages; `--write` writes the output that they show anew.

A block's mark is a comment on the line before its fence:

    <!-- run -->                     sh: run, with all others of the page, in one shell and in their order
    <!-- run until: TEXT -->         sh: the same, again and again until TEXT is in its output
    <!-- not run: REASON -->         sh
    <!-- config -->                  yaml: a whole config of the exporter
    <!-- config part -->             yaml: some keys of one
    <!-- device file -->             yaml: what `device_files` names
    <!-- web-config -->              yaml: TLS, users and headers
    <!-- prometheus -->              yaml: Prometheus' config
    <!-- rules -->                   yaml: a file of rules
    <!-- not checked: REASON -->     yaml
    <!-- file: NAME -->              anything else: what the page tells to write into a file

A mark of yaml can have `: NAME` too: the block is written to that file before the next block runs. A `console` block is the
output of the block that runs before it; `...` in it stands for any lines. `<!-- not compared: REASON -->` is for output that no
run gives. `<!-- stop -->` on a line of its own ends what runs in the background. A `promql` block needs no mark.
"""
