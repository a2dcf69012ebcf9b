"""`python3 -m policy`: rules on the command line."""

import sys

from policy.cli import main

sys.exit(main(sys.argv[1:]))
