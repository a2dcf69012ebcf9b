"""The trail as others read it: lines for their systems, evidence for their eyes.

ndjson    every record as it is, one canonical line each
csv       a table for a spreadsheet, no cell of which can become a formula
cef       ArcSight's Common Event Format, version 0
ocsf      events of the Open Cybersecurity Schema Framework, version 1.6
evidence  one request told from its records (telling, into sections), to be signed
page      the same as one page of HTML (chapters, timeline, checks, in words, by markup and style)
fields    what they all read out of a body that may hold anything

Every export takes records and yields text, one record at a time. A record that cannot be written
as it is (a lone surrogate, a number that is no number) stops the export; nothing is left out.
"""
