"""The figures that the design promises, measured here: `python3 -m local bench`.

One run measures Warrant and its yardsticks, side by side: figures of one machine compare with
nothing else. Exit 0 says that it ran; goals are coloured and never fail it (timed tests lie).

    loop.seed     the seed request against its critical path and against no engine at all
    loop.refused  the same from a flagged account
    loop.kill     kill -9 at every point of it
    engine.step   what a durable step costs by itself
    audit.verify  how fast a trail of 100,000 records is verified offline
    audit.append  how many records a second the trail takes, from one process and from eight
    audit.ask     how soon the auditor's questions are answered, with 100,000 records
    start.import  what importing the app costs
    start.first   how soon it answers
    loop.peers    the same work on other engines (--peers; installs them, needs the network)
    policy.engine what a policy decision costs, at 100, 1,000 and 10,000 rules
    policy.peers  the same decisions on other policy engines (--peers, too)

`python3 -m local bench policy` measures one group, its peers too.
"""

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """0 when what was asked for ran; 1 when it could not; 2 for a wrong command line."""
    # not at the top: workers in other environments import this package, and have no Azure SDKs
    from local.bench import suite

    return suite.main(arguments, __doc__ or "")
