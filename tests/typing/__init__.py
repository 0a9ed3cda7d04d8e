"""What a type checker makes of a user's code: `mypy --strict` reads these files, as README's checks do."""
