"""The trail that a stranger can check: chained records, signed checkpoints, bundles to take away.

chain.py       links bodies by hash
merkle.py      the tree over the records' hashes: roots, proofs of inclusion and of consistency
checkpoint.py  what the tenant's key signs, and when that is due
bundle.py      records, checkpoints and keys as one file that needs nothing else
verifier.py    whether such a file holds; shipped with it, and the only code that decides it
verify.py      the same verdict as values, with a sentence for each finding
effects.py     what the trail says was sent
events.py      what Microsoft's log says happened
reconcile.py   which of the two belong together, and what stands alone

Never here: storage, clocks, keys. What is written of each stage says `agent.chronicle`.
"""
