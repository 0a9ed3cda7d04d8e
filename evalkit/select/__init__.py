"""Selection of the problems of a set that are worth training on, from the tries that a launch made at each."""
