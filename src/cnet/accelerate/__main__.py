"""``python -m cnet.accelerate script.py`` runs a script with its layers accelerated."""

import sys

from ._script import main

sys.exit(main(sys.argv[1:]))
