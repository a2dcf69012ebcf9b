"""Faults of the index in `policy/engine.py`: the module, what is there, what is put there."""

INDEX = {
    # The index: its algebra.
    "what fails is not dropped": ("engine", "self.every & ~failed & ~(", "self.every & ~("),
    "exemptions are ignored in the engine": (
        "engine",
        "~(self.exemptible & ~bound & ~perhaps_exempt)",
        "~0",
    ),
    "a doubtful exemption exempts": ("engine", "~bound & ~perhaps_exempt)", "~bound)"),
    "an exemption that fails exempts": (
        "engine",
        "self.exemptible & ~bound & ~perhaps_exempt",
        "self.exemptible & ~perhaps_exempt",
    ),
    "every rule is exempt": ("engine", "~(self.exemptible & ~bound", "~(~bound"),
    "no rule is exemptible": (
        "engine",
        "unless is not None for _, unless in rules",
        "False for _ in rules",
    ),
    "a doubtful exemption leaves no doubt": (
        "engine",
        "in_doubt = doubtful | (perhaps_exempt & ~bound)",
        "in_doubt = doubtful",
    ),
    "an exemption that fails leaves a doubt": (
        "engine",
        "(perhaps_exempt & ~bound)\n",
        "perhaps_exempt\n",
    ),
    "doubt in `when` is forgotten": ("engine", "in_doubt = doubtful | (", "in_doubt = ("),
    "a doubt is certain": ("engine", "Found(matching & ~in_doubt,", "Found(matching,"),
    "a certainty is a doubt": ("engine", "~in_doubt, matching & in_doubt,", "~in_doubt, matching,"),
    "every query sees one rule less": (
        "engine",
        "members(True for _ in rules)",
        "members(True for _ in rules[1:])",
    ),
    "a rule is taken for its neighbour": (
        "engine",
        "for place in reversed(range(len(rules)))",
        "for place in range(len(rules))",
    ),
    "`unless` is not indexed": (
        "engine",
        "(unless or () for _, unless in rules)",
        "(() for _ in rules)",
    ),
    "places are off by one": ("engine", "initial=-1", "initial=0"),
    "places forget the ones before": ("engine", 'replace("1", "01").split', "split"),
    "a leading rule is lost": ("engine", "{rules:0{self.every.bit_length()}b}", "{rules:b}"),
    "no set is empty": (
        "engine",
        "        if not rules:\n            return []\n",
        "        rules = rules or 1\n",
    ),
    "members are the others": ("engine", '"01"[test]', '"10"[test]'),
    # The index: asking columns.
    "an unknown fact fails": (
        "engine",
        "            doubtful |= missing",
        "            failed |= missing",
    ),
    "an unknown fact is forgotten": (
        "engine",
        "            doubtful |= missing",
        "            pass",
    ),
    "a failure is a doubt": (
        "engine",
        "            failed |= missing",
        "            doubtful |= missing",
    ),
    "only the last column fails": (
        "engine",
        "            failed |= missing",
        "            failed = missing",
    ),
    "only the last column doubts": (
        "engine",
        "            doubtful |= missing",
        "            doubtful = missing",
    ),
    "a column's doubt is not a miss": (
        "engine",
        "            missing = rules\n            doubtful |= missing",
        "            missing = 0\n            doubtful |= rules",
    ),
    "a column doubts for all rules but its own": (
        "engine",
        "Column(selector, fact, union(rule for _, rule in those)",
        "Column(selector, fact, ~union(rule for _, rule in those)",
    ),
    "only the first rule of a column counts": (
        "engine",
        "one.fact), []).append((one, rule))",
        "one.fact), [(one, rule)])",
    ),
    # The index: columns.
    "a word belongs to its last rule": (
        "engine",
        "            table[word] |= rule",
        "            table[word] = rule",
    ),
    "an unheard word satisfies": ("engine", "failing.get(value, every)", "failing.get(value, 0)"),
    "one word fails for those that name it": (
        "engine",
        "word: every ^ rules for word",
        "word: rules for word",
    ),
    "any-of is none-of": ("engine", "every ^ in_common(value)", "in_common(value)"),
    "none-of is any-of": ("engine", "kinds.NoneOf: _in_common", "kinds.NoneOf: _any_of"),
    "all words must be in common": (
        "engine",
        "reduce(or_, map(rules_of, words & value), 0)",
        "reduce(lambda a, b: a & b, map(rules_of, words & value), -1) & union(table.values())",
    ),
    "one word in common is not enough": (
        "engine",
        "words & value), 0)",
        "words & value if len(words & value) > 1 else ()), 0)",
    ),
    "steps do not flip back": (
        "engine",
        "        flipped[point] ^= rules",
        "        flipped[point] |= rules",
    ),
    "a later change is forgotten": (
        "engine",
        "        flipped[point] ^= rules",
        "        flipped[point] = rules",
    ),
    "steps do not add up": (
        "engine",
        "for point in points), xor, initial",
        "for point in points), lambda _, now: now, initial",
    ),
    "steps begin from nothing": ("engine", "initial=at_first", "initial=0"),
    "a step is reached too late": (
        "engine",
        "bisect_right(points, value)",
        "bisect_right(points, value) - (value in points)",
    ),
    "points are not in order": ("engine", "points = sorted(flipped)", "points = list(flipped)"),
    "a largest value is excluded": ("engine", "one.bound + 1, rule", "one.bound, rule"),
    "a largest value is one more": ("engine", "one.bound + 1, rule", "one.bound + 2, rule"),
    "at most fails at first": (
        "engine",
        "_steps(0, ((one.bound + 1",
        "_steps(union(r for _, r in placed), ((one.bound + 1",
    ),
    "at least holds at first": (
        "engine",
        "_steps(union(rule for _, rule in placed), ((one.bound",
        "_steps(0, ((one.bound",
    ),
    "a least value is excluded": ("engine", "((one.bound, rule)", "((one.bound + 1, rule)"),
    "a rule that has an end never begins": (
        "engine",
        "union(rule for _, rule in begins)",
        "union(rule for _, rule in placed)",
    ),
    "a rule has no beginning": (
        "engine",
        "_steps(union(rule for _, rule in begins), begins + ends)",
        "_steps(0, ends)",
    ),
    "a rule has no end": ("engine", "begins + ends)", "begins)"),
    "only one time zone counts": ("engine", "for zone, at in weeks:", "for zone, at in weeks[:1]:"),
    "all windows are in one zone": (
        "engine",
        "zones[one.zone].append",
        "zones[placed[0][0].zone].append",
    ),
    "windows are in UTC": ("engine", "value.astimezone(zone)", "value"),
    "minutes are forgotten": ("engine", "local.hour * 60 + local.minute", "local.hour * 60"),
    "every day is Monday": ("engine", "local.weekday() * _DAY", "0"),
    "the week begins on Sunday": ("engine", "local.weekday()", "(local.isoweekday() % 7)"),
    "windows do not wrap past midnight": (
        "engine",
        "closes += _DAY if opens > closes else 0",
        "closes += 0",
    ),
    "windows do not wrap past the week": ("engine", "closes % _WEEK", "closes"),
    "a window over the week's end is shut when it begins": (
        "engine",
        "                yield 0, rule",
        "                pass",
    ),
    "a window that ends with the week wraps": (
        "engine",
        "if closes >= _WEEK:",
        "if closes > _WEEK:",
    ),
}
