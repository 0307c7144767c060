"""Normalisation to mean 0 and variance 1, or by the size of neighbours."""
