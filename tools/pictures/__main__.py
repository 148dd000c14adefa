"""`python -m tools.pictures`: make the pictures of the documentation, light and dark."""

import sys
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from tools.pictures import dashboards, pages

FOLDER: Final = Path("docs/pictures")
#: Enough for what is drawn, and a third of the bytes.
_COLOURS: Final = 128


def main() -> int:
    """Make every picture."""
    FOLDER.mkdir(exist_ok=True)
    for make in (pages.take, dashboards.draw):
        for name, picture in make():
            path = FOLDER / f"{name}.png"
            with Image.open(BytesIO(picture)) as image:
                image.convert("RGB").quantize(_COLOURS).save(path, optimize=True)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
