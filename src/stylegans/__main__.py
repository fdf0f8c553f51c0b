"""``python -m stylegans`` is the command ``stylegans``."""

import sys

from stylegans.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
