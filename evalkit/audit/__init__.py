"""Audits of a task's grader: every known solution and mutant is run, graded and compared with its label."""
