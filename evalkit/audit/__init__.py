"""Whether a task's grader is right: every known solution and mutant is played, graded and compared."""
