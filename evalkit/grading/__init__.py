"""From a submission to a grade: what a task measured and what its rule says about it."""
