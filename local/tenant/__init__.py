"""The simulated Microsoft 365: two organisations, their Entra ID, and a stage manager.

Answers Graph and Entra requests the way Microsoft does, refusals and delays included, for tests,
demos and development on one machine. Never deployed, never reachable from another machine, never
imported by the agent: the agent talks to it through the same SDKs it uses in Azure.

| module | what it knows |
|---|---|
| directory | one organisation's objects at one instant, and what follows from them |
| estate | the organisations, registrations and identities together; saved and resumed |
| seed | seed.yaml, and how it becomes an estate |
| actor | who is calling, as the token says |
| operations, rights | what may be called; who may do it (pure) |
| filters, odata | $filter; $select, $top, $search, paging |
| question, reads, log_reads, writes | what the operations answer, and what they change |
| records | entries of Microsoft's own logs |
| graph, batch | one request from token to answer; twenty at once |
| faults, throttle, logs | what goes wrong on purpose; limits; what was called and changed |
| tokens, grants, entra | signatures; who gets which token; the token endpoint |
| world, stage | the stage manager and its view of the objects |
| app, __main__ | the three listeners; the command line |
"""
