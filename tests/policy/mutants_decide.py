"""Faults of `policy/decide.py`: the module, what is there, what is put there instead."""

DECIDE = {
    # Which rules apply: one rule after another.
    "a doubtful permit permits": (
        "decide",
        "least = Match.YES if self.effect is _PERMIT else",
        "least =",
    ),
    "a doubtful restraint is dropped": (
        "decide",
        "if self.effect is _PERMIT else Match.UNKNOWN",
        "if self.effect is _PERMIT else Match.YES",
    ),
    "every rule applies": ("decide", "return self.match(query) >= least", "return True"),
    "no rule applies": ("decide", "return self.match(query) >= least", "return False"),
    "an exemption works the wrong way": ("decide", "Match(-every(", "Match(every("),
    "exemptions are ignored": ("decide", "if self.unless is None else", "if True else"),
    "a conjunct is dropped": (
        "decide",
        "for condition in conditions)",
        "for condition in list(conditions)[1:])",
    ),
    "and is or": ("decide", "return min((check(", "return max((check("),
    "no condition is no match": ("decide", "default=Match.YES", "default=Match.NO"),
    "a no is a doubt": (
        "decide",
        "if condition.holds(fact.value) else Match.NO",
        "if condition.holds(fact.value) else Match.UNKNOWN",
    ),
    "an unknown fact is a no": ("decide", "    return Match.UNKNOWN\n", "    return Match.NO\n"),
    "an unknown fact is a yes": ("decide", "    return Match.UNKNOWN\n", "    return Match.YES\n"),
    # Which rules are heard.
    "report-only counts": (
        "decide",
        "for mode in (Mode.ENFORCE, Mode.REPORT_ONLY)",
        "for mode in (Mode.REPORT_ONLY, Mode.ENFORCE)",
    ),
    "a sleeping rule is reported": (
        "decide",
        "if rule.mode is mode)",
        "if mode in (rule.mode, Mode.REPORT_ONLY))",
    ),
    "only what is reported is asked about": (
        "decide",
        "asks=_facts_asked(enforced)",
        "asks=_facts_asked(reported)",
    ),
    "a repeated id is let through": ("decide", "if name == following})", "if False})"),
    "rules are named in the order of storage": (
        "decide",
        "every_rule = sorted(rules, key=lambda rule: (_LAYERS.index(rule.layer), rule.id))",
        "every_rule = list(rules)",
    ),
    # From rules to an answer.
    "one open layer is enough": ("decide", "permitted = all(layer", "permitted = any(layer"),
    "silence permits": ("decide", 'if permits else "silent"', 'if permits else "permit"'),
    "a permit beats a deny": (
        "decide",
        '"deny" if denies else "permit" if permits',
        '"permit" if permits else "deny" if denies',
    ),
    "effects are mixed": ("decide", "named[0::3], named[1::3]", "named[1::3], named[0::3]"),
    "layers are mixed": ("decide", "_LAYERS.index(rule.layer) +", "0 +"),
    "only the first obligation is owed": (
        "decide",
        "for owed in one.rule.obligations)",
        "for owed in one.rule.obligations[:1])",
    ),
    "obligations do not unite": (
        "decide",
        "merge(owed for one in restraints",
        "merge(owed for one in restraints[:1]",
    ),
    "unknowns are not told": ("decide", "if isinstance(query.facts[name], Unknown)]", "if False]"),
    "what is derived is told as unknown": ("decide", "asked - {SAME_DEPARTMENT}", "asked"),
    "what it is derived of is not told": ("decide", "if SAME_DEPARTMENT in asked:", "if False:"),
    "shadows are not told": ("decide", "for one in applying.reported]", "for one in ()]"),
    "a permit is told why it might be denied": (
        "decide",
        "_REQUIRE if permitted else _DENY",
        "_DENY if permitted else _REQUIRE",
    ),
    "a fear is told as certain": ("decide", "if one not in applying.in_doubt]", "]"),
    "a certainty is told as a fear": ("decide", "if one not in applying.in_doubt]", "if False]"),
    "a fear is told with the rule's remedy": (
        "decide",
        "if permitted else _NOBODY_COULD_READ",
        "if True else _NOBODY_COULD_READ",
    ),
    "a fear names what is known": ("decide", "if not isinstance(query.facts[c.fact], Known)}", "}"),
    "the wrong layers are called silent": (
        "decide",
        "if layer not in spoke]",
        "if layer in spoke]",
    ),
    # What the index finds, put into rules.
    "a doubtful permit permits in the engine": (
        "decide",
        "found.perhaps & ~rules.permits",
        "found.perhaps",
    ),
    "doubt is dropped in the engine": (
        "decide",
        "applying, reported = found.surely | in_doubt",
        "applying, reported = found.surely",
    ),
    "certainty is dropped in the engine": (
        "decide",
        "applying, reported = found.surely | in_doubt",
        "applying, reported = in_doubt",
    ),
    "report-only counts in the engine": (
        "decide",
        "sets = (applying & ~reported,",
        "sets = (applying,",
    ),
    "everything is only reported": ("decide", "applying & reported)\n", "applying)\n"),
    "the reported ones are one too few": (
        "decide",
        "(1 << len(self.reported)) - 1",
        "(1 << len(self.reported)) // 2 - 1",
    ),
    "permits are not known": (
        "decide",
        "permits=members(one.effect is _PERMIT",
        "permits=members(one.effect is _DENY",
    ),
    "a layer's rules are not known": (
        "decide",
        "members(r.rule.layer is layer for",
        "members(r.rule.layer is not layer for",
    ),
}
