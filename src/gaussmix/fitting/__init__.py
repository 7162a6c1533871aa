"""From rows to parameters: expectation-maximization, its M-step, starts, and the multistart search."""
