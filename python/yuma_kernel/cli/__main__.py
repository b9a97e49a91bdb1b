"""`python -m yuma_kernel.cli`."""

import sys

from yuma_kernel.cli import main

if __name__ == "__main__":
    sys.exit(main())
