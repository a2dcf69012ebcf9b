"""Tables about the shipped rules, made from the rules: what there is, what has to be given.

Rules
- a table is (head, rows); `local.docs` sets it, so that all tables look alike;
- rules are read without parameters, as an organisation gets them on the first day.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from policy.actions import CATALOGUE
from policy.pack import SHIPPED, declared, survey
from policy.rule import Effect, Layer

PACKS = ("global", "tenant-default", "strict")
Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def catalogue() -> Table:
    """Every kind of change a rule may name."""
    head = ("action", "what it does", "target", "risk", "undo", "effects")
    return head, [
        (
            f"`{kind.id}`",
            kind.meaning.rstrip("."),
            kind.target,
            str(kind.risk),
            "yes" if kind.reversible else "no",
            ", ".join(sorted(kind.effects)),
        )
        for kind in sorted(CATALOGUE.values(), key=lambda kind: kind.id)
    ]


def counts() -> Table:
    """How many rules each pack has, by layer, and how many examples prove them."""
    head = ("pack", *(str(layer) for layer in Layer), "permit", "deny", "require", "examples")
    rows = []
    for name in PACKS:
        given = dict.fromkeys(declared(SHIPPED / name), "00000000-0000-4000-8000-000000000001")
        rules = [one.rule for one in survey(SHIPPED / name, parameters=given).placed]
        layers, effects = Counter(r.layer for r in rules), Counter(r.effect for r in rules)
        told = [*(layers[layer] for layer in Layer), *(effects[effect] for effect in Effect)]
        examples = sum(len(rule.tests) for rule in rules)
        rows.append((f"`{name}`", *map(str, told), str(examples)))
    return head, rows


def parameters() -> Table:
    """What an organisation has to give, and which rules change without it."""
    head = ("parameter", "what it is", "pack", "without it")
    rows = []
    for name in PACKS:
        folder = SHIPPED / name
        for one in declared(folder).values():
            others = {
                other: "00000000-0000-4000-8000-000000000001"
                for other in declared(folder)
                if other != one.name
            }
            changed = survey(folder, parameters=others).remarks
            told = _joined(remark.sentence for remark in changed)
            rows.append((f"`{one.name}`", one.meaning, f"`{name}`", told))
    return head, rows


def _joined(sentences: Iterable[str]) -> str:
    """Say how many rules each way of being changed happens to."""
    ways = Counter(sentence.split(": ", 1)[1].split()[0] for sentence in sentences)
    return "; ".join(f"{_WAYS[way]}: {number}" for way, number in sorted(ways.items()))


_WAYS = {
    "denies": "demands that become denies",
    "left": "permits left out",
    "means": "denies that mean nobody by it",
}
TABLES: dict[str, Callable[[], Table]] = {
    "catalogue": catalogue,
    "packs": counts,
    "parameters": parameters,
}
