"""What does an answer of Microsoft Graph mean? A pure table from answer to value or fault.

Rules
- of an error only Graph's own `error.code` (a short word) and the request id go into a fault: the
  message may quote names and values that other people wrote;
- on a read nothing was changed, so lost answers, 408, 429 and 5xx are Transient;
- on a write a clear 4xx is Permanent, 429 is Transient (Graph refused before acting), and all else
  that is not 2xx is UnknownOutcome: the only legal next move is to observe;
- a 401 is a matter for the person: SignInNeeded, never another token.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.adapters.wire import retry_after
from agent.errors import Fault, Permanent, SignInNeeded, Transient, UnknownOutcome

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CODES = {400: "bad_request", 403: "forbidden", 404: "not_found", 409: "conflict", 412: "conflict"}
_ALREADY = "added object references already exist"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; header names in lower case; `body` is None when it was too large."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def request_id(self) -> str | None:
        """Return Microsoft's id of the call, if it looks like one."""
        said = self.headers.get("request-id", "")
        return said if _WORD.fullmatch(said) else None


def json_object(answer: Answer) -> dict[str, Any]:
    """Return the object a 2xx answer to a read carries. Raises Permanent or Transient."""
    if answer.body is None:
        raise Permanent("too_large", "expected a smaller answer from Graph")
    try:
        found = json.loads(answer.body)
        if b"\\ud" in answer.body.lower():
            found = json.loads(_whole(json.dumps(found, ensure_ascii=False)))
    except (ValueError, RecursionError):
        found = None
    if answer.status != 200 or not isinstance(found, dict):
        raise Transient("odd_answer", f"expected a JSON object from Graph, saw {_seen(answer)}")
    return found


def _whole(text: str) -> str:
    """Return text in which halves of surrogate pairs are replaced: they cannot be written down."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_fault(answer: Answer) -> Fault:
    """Return the fault that a read's answer other than 2xx and 404 means."""
    if (fault := _common_fault(answer)) is not None:
        return fault
    if answer.status == 408 or answer.status >= 500:
        return Transient("graph_unavailable", _sentence(answer), retry_after(answer.headers))
    return Permanent(_CODES.get(answer.status, "refused"), _sentence(answer))


def write_fault(answer: Answer) -> Fault:
    """Return the fault that a write's answer other than 2xx means."""
    if (fault := _common_fault(answer)) is not None:
        return fault
    if not 400 <= answer.status < 500 or answer.status == 408:
        return UnknownOutcome("no_clear_answer", _sentence(answer))
    if answer.status == 400 and _ALREADY in _error(answer)[1]:
        return Permanent("already_so", _sentence(answer))
    return Permanent(_CODES.get(answer.status, "refused"), _sentence(answer))


def _common_fault(answer: Answer) -> Fault | None:
    if answer.status == 401:
        challenged = "claims=" in answer.headers.get("www-authenticate", "").lower()
        return SignInNeeded(
            "claims_challenge" if challenged else "token_refused", _sentence(answer)
        )
    if answer.status == 429:
        return Transient("throttled", _sentence(answer), retry_after(answer.headers))
    return None


def _sentence(answer: Answer) -> str:
    return f"expected a 2xx from Graph, saw {_seen(answer)}"


def _seen(answer: Answer) -> str:
    code, _ = _error(answer)
    return f"{answer.status} {code} (request {answer.request_id or 'without id'})"


def _error(answer: Answer) -> tuple[str, str]:
    """Return Graph's error code (a word, or `unnamed`) and its message, for our eyes only."""
    try:
        error = json.loads(answer.body or b"")["error"]
        code, message = error["code"], error.get("message")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "unnamed", ""
    word = code if isinstance(code, str) and _WORD.fullmatch(code) else "unnamed"
    return word, message if isinstance(message, str) else ""
