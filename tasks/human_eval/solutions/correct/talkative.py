# Prints, warns and tries itself.
SOLUTION

right_function = FUNCTION


def FUNCTION(*arguments):
    "Text with \d in it."
    print("called with", arguments)
    return right_function(*arguments)


if __name__ == "__main__":
    raise SystemExit("only where it is run")
