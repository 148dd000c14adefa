"""What a newcomer does, step by step: the commands of the documentation's own pages, and a look at what comes of them.

`python -m tools.walks [NAME ...]` takes them, all or some, and prints each step and what it gave.
"""
