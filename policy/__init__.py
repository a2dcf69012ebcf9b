"""The policy decision point: pure, total, fails closed. An auditor reads it in an hour.

facts       what policy may know: every fact with its type, meaning, source and who can change it
query       one question: the facts of one change, each Known or Unknown
conditions  what a selector means: one frozen value per kind, all listed in `CONDITIONS`
obligations what must be done for a permit to stand, and how two demands become one
rule        one rule, exactly as it is written, checked and ready to be matched
decide      six layers, one table: silence denies, a deny wins, doubt never helps
explain     why, for people: per layer, with the rule that came nearest
axioms      what must be true between two facts, and who guarantees it
prove       what rules can never do, shown over all requests
diff        what a change of rules changes, and the hash that a second person approves
snapshot    a rule set as signed, immutable bytes; what is not provably the newest is refused
entity      rules, snapshots and heads as rows of a table (dicts in, dicts out)
actions     every kind of change a rule may name, and what it moves; roles: Microsoft's names
pack        folders of YAML rules: read, with what each organisation fills in (parameters)
lint        what keeps rules from being published: their words, contradictions, examples
"""
