"""Every fault that is put into the decision core, those of near misses and the reference here."""

from tests.policy.mutants_decide import DECIDE
from tests.policy.mutants_index import INDEX

# The module, what is there, what is put there instead. Three faults are not here because they
# change no answer: a reported rule among those in doubt (only enforced ones are looked for), one
# column for all selectors of one type and fact (a rule has at most one of them in a clause), and
# counting the misses of rules that are not asked about (they are sorted out at the end).
MUTANTS = {
    **DECIDE,
    **INDEX,
    # The nearest miss.
    "sums do not carry": ("engine", "counted ^ carry, counted & carry", "counted | carry, 0"),
    "a carry is lost": (
        "engine",
        "            counts.append(carry)",
        "            counts.append(carry) if not counts else None",
    ),
    "the most misses are the nearest": (
        "engine",
        "among & ~counted or among",
        "among & counted or among",
    ),
    "small differences come first": (
        "engine",
        "for counted in reversed(counts):",
        "for counted in counts:",
    ),
    "another kind of change is as near": ("explain", "some & ~elsewhere or some", "some"),
    "only another kind of change is near": (
        "explain",
        "some & ~elsewhere or some",
        "some & elsewhere or some",
    ),
    "nothing is near in another kind of change": (
        "explain",
        "some & ~elsewhere or some",
        "some & ~elsewhere",
    ),
    "the last of the nearest is told": (
        "explain",
        "rules.index.places(some)[0]",
        "rules.index.places(some)[-1]",
    ),
    "a deny is the nearest permit": ("explain", "[rules.permits & rules.layers", "[rules.layers"),
    "another layer's permit is the nearest": (
        "explain",
        "rules.permits & rules.layers[layer]",
        "rules.permits",
    ),
    "a reported permit is the nearest": ("explain", " & ~rules.only_reported", ""),
    "a miss is told where a rule permits": ("explain", "if not one.permitted_by]", "]"),
    # The reference.
    "the reference forgets what is in doubt": ("reference", "is Match.UNKNOWN]", "is Match.NO]"),
    "the reference does not report": (
        "reference",
        "for one in rules.reported if",
        "for one in () if",
    ),
    "the reference hears what does not apply": (
        "reference",
        "for one in rules.enforced if one.applies(query)]",
        "for one in rules.enforced]",
    ),
    "the reference is near to anything": (
        "reference",
        "return any(name.startswith",
        "return not any(name.startswith",
    ),
    "the reference counts no misses": ("reference", ", len(missed), miss.rule", ", 0, miss.rule"),
}
