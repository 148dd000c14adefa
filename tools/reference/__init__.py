"""The generated parts of the documentation site. `python -m tools.reference` writes them anew."""
