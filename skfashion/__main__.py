"""The command line: ``python -m skfashion fit``, ``predict`` and ``evaluate``."""

import sys

from ._command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
