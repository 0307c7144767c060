"""Loss functions: the deviation of results from targets, per item or reduced to one number."""
