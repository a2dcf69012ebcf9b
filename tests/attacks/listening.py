"""People whose every conversation with the API is kept, to be searched afterwards."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from local.stage import Person, Reply, Stage


class Overheard(Stage):
    """A stage whose people's conversations are kept."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__(facts)
        self.replies: list[Reply] = []

    def person(self, upn: str) -> Person:
        return _Speaker(self, upn)


class _Speaker(Person):
    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        reply = super().call(method, path, body, headers)
        assert isinstance(self.stage, Overheard)
        self.stage.replies.append(reply)
        return reply


def disguises(text: str) -> Iterator[bytes]:
    """The forms in which a text may lie in a file: plain, as JSON, in UTF-16, in base64."""
    plain = text.encode()
    yield plain
    yield json.dumps(text)[1:-1].encode()
    yield text.encode("utf-16-le")
    for shift in range(3):
        coded = base64.b64encode(b"\x00" * shift + plain)
        # the ends depend on what stands beside it; the middle does not
        yield coded[4 if shift else 0 : -4]


def hidden_in(haystack: bytes, needle: str) -> bool:
    """Whether a text lies in these bytes in any of its forms."""
    return any(form in haystack for form in disguises(needle) if len(form) >= 8)
