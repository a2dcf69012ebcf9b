"""Warrant, the agentic IT engineer for Microsoft 365: read this folder as the story of a request.

boot         what a starting process needs; all else is loaded by the first call
admit        take in what people send, once each
assess       one hop, read-only: understand, investigate, plan, forecast
understand   a sentence becomes an Intent
investigate  questions to Microsoft 365, at once, each as a named person
plan         ordered steps, each with its undo, under a forecast of policy
approve      what a permit still owes, and who may give it
authorize    whose token acts; the one place where a Warrant is minted
execute      one step, numbered 0 to 8: observe, decide, record, act, read back
fresh        the world read again and decided on, right before the act
attempt      what one attempt at a step holds
allowance    its place in the budgets of the hour; budget and drift are sums and differences
answer       receipts become what people are told
reconcile    every hour: the trail against Microsoft's own log
workflow     the durable run, in one page
activities   the three hops of the run
actions/     everything it can change        lookups/   everything it may ask
channels/    wire forms                      adapters/  vendors
facts, scene, chronicle, audit               what policy reads, as whom, what is written down
domain, records, ports, calls, errors        the nouns and the seams
settings, wiring, onboard, sign_in           how it is put together
publish, policy_desk                         policy: changed by two persons, never by the app
checkpoints, trail, auditing, spool          the trail: signed, asked, judged, taken away
audit_desk, cli_audit, cli_audit_explain     the same as commands
"""

__version__ = "0.1.0"
