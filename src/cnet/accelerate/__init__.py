"""Runs hand-written layers on the kernels of cnet."""
