"""`python -m tools.reference`: write the generated parts of the documentation anew."""

from tools.reference.pages import current

if __name__ == "__main__":
    for path, text in current().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
