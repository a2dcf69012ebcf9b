"""A page as a reader's parser sees it: its elements, their attributes, and every run of text."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_BLOCKS = frozenset(
    {
        *("p", "li", "dt", "dd", "th", "td", "tr", "h1", "h2", "h3", "div"),
        *("pre", "caption", "summary", "ul", "ol", "dl", "table"),
    }
)


@dataclass
class Seen:
    """What was on a page, in order."""

    tags: list[str] = field(default_factory=list)
    attributes: list[dict[str, str | None]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    running: str = ""

    @property
    def words(self) -> str:
        """All text, blocks parted by one blank."""
        return re.sub(r"\s+", " ", self.running)

    @property
    def attribute_names(self) -> set[str]:
        """Every name of an attribute."""
        return {name for attributes in self.attributes for name in attributes}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = Seen()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.tags.append(tag)
        self.seen.attributes.append(dict(attrs))
        self._gap(tag)

    def handle_endtag(self, tag: str) -> None:
        self.seen.ends.append(tag)
        self._gap(tag)

    def handle_data(self, data: str) -> None:
        if self.seen.tags and self.seen.tags[-1] == "style" and "style" not in self.seen.ends:
            return
        self.seen.texts.append(data)
        self.seen.running += data

    def handle_comment(self, data: str) -> None:
        self.seen.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.seen.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.seen.others.append(data)

    def _gap(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.seen.running += " "


def read(page: str) -> Seen:
    """Read a whole page."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.seen
