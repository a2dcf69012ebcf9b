"""A Functions and Durable host for one machine: runs an unmodified app, never deployed.

What differs from Azure, so that nobody is surprised there:
- one key serves as function, admin and system key; one process, one hub, no scale-out;
- `call_http` fails the orchestration with a sentence; `rewind` answers 501;
- an activity that does not exist fails the orchestration with a sentence; recent extensions leave
  it waiting;
- a sub-orchestration whose id is still running fails for its parent; Azure leaves it waiting;
- of bindings, only HTTP, timer and durable ones are served; `local.settings.json` is not read.
What does not differ, though one might wish it did, is held by a test: see tests/host.
"""
