"""Loss modules, in files of the same names as in `cnet.functional.loss`."""
