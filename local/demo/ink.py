"""How is anything of a story put on a terminal, or into a file?

Rules
- every text goes through `ink`, which shows control and formatting characters instead of sending
  them: names come from a directory that anybody may write to;
- colour is a second voice only: without a terminal, or with NO_COLOR, nothing is lost;
- lines are 76 to 100 columns wide.
"""

import re
import sys
import unicodedata
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

NARROWEST, WIDEST = 76, 100
LABEL = 14
_SHOWN = "\n"


def ink(text: object, style: str = "") -> Text:
    """A text that can do nothing to a terminal but be read."""
    return Text(_visible(str(text)), style=style, overflow="fold")


def joined(*parts: Text | str) -> Text:
    """Several texts on one line."""
    whole = Text()
    for part in parts:
        whole.append_text(part if isinstance(part, Text) else ink(part))
    return whole


def console(out: TextIO) -> Console:
    """A console on a stream: as wide as the terminal, within limits; no markup is interpreted."""
    made = Console(file=out, highlight=False, markup=False, emoji=False, soft_wrap=False)
    width = made.width if made.is_terminal else WIDEST
    made.width = max(NARROWEST, min(WIDEST, width))
    return made


def picture(out: Console) -> str:
    """What a recording console showed, as an SVG that fetches nothing: fonts are the reader's."""
    drawn = out.export_svg(title="python3 -m local demo")
    return re.sub(r"@font-face \{.*?\n    \}\n", "", drawn, flags=re.DOTALL)


def safe_output() -> TextIO:
    """Standard output that replaces what its encoding cannot say, rather than fail."""
    out = sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="replace")
    return out


def entry(label: str, *content: RenderableType, style: str = "cyan") -> RenderableType:
    """One entry of the script: a label on the left, what belongs to it on the right."""
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(width=LABEL)
    grid.add_column(ratio=1)
    grid.add_row(ink(label, style), Group(*content))
    return Padding(grid, (0, 0, 0, 2))


def columns(*widths: int | None) -> Table:
    """A table without lines; a width of None takes what is left."""
    grid = Table.grid(padding=(0, 2), expand=True)
    for width in widths:
        grid.add_column(width=width, ratio=1 if width is None else None)
    return grid


def _visible(text: str) -> str:
    return "".join(_glyph(ch) for ch in text)


def _glyph(ch: str) -> str:
    # Cc controls, Cf bidi and zero-width, Cs surrogates, Co/Cn unknown, Zl/Zp separators
    if ch in _SHOWN or unicodedata.category(ch) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return ch
    return f"\\u{{{ord(ch):x}}}"
