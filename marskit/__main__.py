"""`python -m marskit` is `marskit`."""

import sys

from marskit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
