"""What a pack leaves open for each organisation: the ids of groups that only it can know.

Answers  what a rule says once `${name}` stands for an id, and what becomes of it where none does.
Never    fills anything but whole texts of a rule that is already parsed: no value is ever YAML.
Rules    - a value is an object id; names are declared, so a slip is told and not overlooked.
         - a permit that needs an absent parameter is left out: silence then refuses.
         - a requirement whose approver is absent becomes a deny: a demand nobody can meet refuses.
         - a deny that names the absent one among its ids or groups stands, and means nobody by it.
         - no other selector of a deny or a requirement waits for a parameter that may be absent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from policy.obligations import GUID
from policy.rule import Effect, Record, Text
from policy.words import Complaint, meant

_OPEN = re.compile(r"\$\{([^}]*)\}")
_UNCLOSED = re.compile(r"\$\{[^}]*\Z")
_ANY_ID = "00000000-0000-0000-0000-000000000000"
_DECLARE = "declare it in parameters.yaml, or correct the name"


class Parameter(Record):
    """One id that an organisation may have to give."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
    meaning: Text
    required: bool = False


class Unfillable(ValueError):  # noqa: N818 - a refusal, like PackRefused
    """A rule whose open places cannot be filled; each complaint with its path in the rule."""

    def __init__(self, complaints: Sequence[tuple[Sequence[str | int], str, str]]) -> None:
        super().__init__("; ".join(sentence for _, sentence, _ in complaints))
        self.complaints = tuple(complaints)


@dataclass(frozen=True, slots=True)
class Filled:
    """A rule's record without open places, whether the rule is kept, and what is to be told."""

    record: Any
    kept: bool = True
    remark: Complaint | None = None


def wrong_values(known: Mapping[str, Parameter], given: Mapping[str, str]) -> Iterator[Complaint]:
    """Name every value that is no id, is not asked for, or is required and absent."""
    for name, value in sorted(given.items()):
        if name not in known:
            remedy = meant(name, known) or "leave it out: no pack here declares it"
            yield f"unknown parameter `{name[:60]}`", remedy
        elif not _is_id(value):
            yield f"parameter `{name}`: expected an object id", "copy it from Microsoft Entra"
    for name, one in known.items():
        if one.required and name not in given:
            yield f"parameter `{name}`: expected a value, saw none", f"give {one.meaning}"


def usable(given: Mapping[str, str]) -> dict[str, str]:
    """Give the values that are ids, in lower case; the others are as good as absent."""
    return {name: value.lower() for name, value in given.items() if _is_id(value)}


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(GUID, value.lower()) is not None


@dataclass(frozen=True, slots=True)
class Parameters:
    """The declared parameters and the values given for them."""

    known: Mapping[str, Parameter]
    given: Mapping[str, str]

    def fill(self, record: object) -> Filled:
        """Give a rule's record with all open places filled; raises Unfillable."""
        opened = [*_opened(record)]
        strange = [(at, name) for at, name in opened if name not in self.known]
        if strange:
            raise Unfillable([(at, f"unknown parameter `{n[:60]}`", _DECLARE) for at, n in strange])
        absent = [(at, name) for at, name in opened if name not in self.given]
        filled = _filled(record, self.given)
        if not absent or not isinstance(filled, dict):
            return Filled(filled)
        return self._without(filled, absent)

    def _without(
        self, record: dict[str, Any], absent: Sequence[tuple[Sequence[str | int], str]]
    ) -> Filled:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(name for _, name in absent))
        remedy = f"give {names} to have it"
        if record.get("effect") == Effect.PERMIT:
            return Filled(record, kept=False, remark=(f"left out without {names}", remedy))
        denies = record.get("effect") == Effect.DENY
        if elsewhere := [at for at, _ in absent if not _may_wait(at, denies)]:
            sentence = f"expected no {names} here, it may be absent"
            raise Unfillable([(at, sentence, "declare it `required`") for at in elsewhere])
        if denies:
            return Filled(record, remark=(f"means nobody by {names}", remedy))
        kept = {name: value for name, value in record.items() if name != "obligations"}
        helps = f"An administrator can say who decides: policy parameter {names}."
        reason = f"{record.get('reason')} Nobody is named for that here."
        deny = {**kept, "effect": Effect.DENY.value, "reason": reason, "remedy": helps}
        return Filled(deny, remark=(f"denies instead of requiring, without {names}", remedy))


def _may_wait(at: Sequence[str | int], denies: bool) -> bool:
    if denies:
        return at[0] == "when" and at[2:3] in (("ids",), ("groups_any",))
    return at[0] == "obligations"


def _opened(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Give every `${name}` in a parsed value, with its path."""
    if isinstance(value, str):
        yield from ((at, name) for name in _OPEN.findall(value) + _UNCLOSED.findall(value))
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _opened(below, (*at, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from _opened(below, (*at, number))


def _filled(value: object, given: Mapping[str, str]) -> object:
    """Fill what is given; what is absent gets an id of nobody, so that the form can be checked."""
    if isinstance(value, str):
        return _OPEN.sub(lambda found: given.get(found[1], _ANY_ID), value)
    if isinstance(value, Mapping):
        return {key: _filled(below, given) for key, below in value.items()}
    if isinstance(value, list):
        return [_filled(below, given) for below in value]
    return value
