"""YAML that is plain JSON data, each value written in exactly one way.

Answers  what a file says, node by node, so that a problem can be given its line.
Never    makes anything but texts, numbers, truths, nothing, lists and mappings.
Rules    - no tags, anchors or dates; `no` and 8:00 are texts.
         - a file has a largest size and depth; a key twice in one mapping is refused.
"""

import re
from pathlib import Path
from typing import Any

import yaml

MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 20

_TAG = "tag:yaml.org,2002:"


def text_of(file: Path) -> str:
    """Read a file; raises ValueError if it is too large or not UTF-8."""
    with file.open("rb") as opened:
        raw = opened.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise ValueError(f"expected at most {MAX_FILE_BYTES} bytes, saw more")
    return raw.decode("utf-8")


class PlainLoader(yaml.SafeLoader):
    """Reads one document of YAML whose values are JSON's."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class-level table
    yaml_constructors = {  # noqa: RUF012
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag is None
        or tag.removeprefix(_TAG) in {"null", "bool", "int", "float", "str", "seq", "map"}
    }
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # untyped in types-PyYAML
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(None, None, "expected no anchors", event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            sentence = f"expected at most {MAX_DEPTH} levels"
            raise yaml.MarkedYAMLError(None, None, sentence, event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                sentence = f"expected a name that is not there yet, saw `{key.value}`"
                raise yaml.MarkedYAMLError(None, None, sentence, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _name, _pattern, _first in (
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9][0-9]{0,17})$", list("-0123456789")),
    ("float", r"^-?[0-9]{1,9}\.[0-9]{1,9}$", list("-0123456789")),
):
    PlainLoader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), _first)
