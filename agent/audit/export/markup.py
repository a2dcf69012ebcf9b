"""HTML in which text cannot become markup: elements are values, and text in them is escaped.

Rules
- `Html` is made by `el` alone; any `str` given to it, as a child or as an attribute, is escaped;
- what a reader cannot see (controls, marks that turn the direction of text, lone surrogates)
  is shown by its number, as ⟨U+202E⟩, so that no name can look like another or hide;
- text stands in an element that isolates its direction where `said` is used.
"""

import html
import re
from dataclasses import dataclass

_VOID = frozenset({"br", "meta"})
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is whole and safe to stand anywhere in a body."""

    text: str


TONELESS = "plain"
Child = Html | str | None


def shown(text: str) -> str:
    """Return a text with everything unseen shown by its number."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def el(tag: str, *children: Child, **attributes: str) -> Html:
    """Return an element; text among its children and attributes is escaped, None left out."""
    pairs = (
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(shown(value))}"'
        for name, value in attributes.items()
    )
    opened = f"<{tag}{''.join(pairs)}>"
    if tag in _VOID:
        return Html(opened)
    return Html(f"{opened}{joined(*children).text}</{tag}>")


def joined(*children: Child) -> Html:
    """Return children one after another."""
    return Html("".join(_inner(child) for child in children if child is not None))


def said(text: str) -> Html:
    """Return a text whose direction stays its own."""
    return el("bdi", text)


def _inner(child: Html | str) -> str:
    return child.text if isinstance(child, Html) else html.escape(shown(child))


def table(caption: str, heads: tuple[str, ...], rows: list[tuple[Child, ...]], kind: str) -> Html:
    """Return a table with its caption and heads; the first cell of a row is the row's head."""
    head = el("tr", *(el("th", one, scope="col") for one in heads))
    body = (
        el("tr", el("th", first, scope="row"), *(el("td", cell) for cell in rest))
        for first, *rest in rows
    )
    whole = el("table", el("caption", caption), el("thead", head), el("tbody", *body), class_=kind)
    # a wide table scrolls by itself, so that the page does not
    return el("div", whole, class_="wide", role="region", aria_label=caption, tabindex="0")


def chip(word: str, tone: str) -> Html:
    """Return a short word that stands out; the tone only repeats what the word says."""
    return el("span", word, class_=f"chip {tone}")
