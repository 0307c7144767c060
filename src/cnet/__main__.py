"""``python -m cnet`` is the command `cnet`."""

import sys

from .cli import main

sys.exit(main())
