"""`python main.py` opens marskit; `--help` says what else it can do."""

import sys

from marskit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
