# Numbers and texts of subclasses, whose own methods print something else.
import enum

SOLUTION

right_function = FUNCTION


class Real(float):
    def __str__(self):
        return "real"


class Text(str):
    def __str__(self):
        return "text"


def FUNCTION(*arguments):
    result = right_function(*arguments)
    if type(result) is float:
        return Real(result)
    return Text(result) if type(result) is str else result
