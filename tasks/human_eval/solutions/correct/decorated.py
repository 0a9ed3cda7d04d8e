# Behind a decorator, as an object that is no plain function.
import functools

SOLUTION

def same(function):
    @functools.wraps(function)
    def called(*arguments, **named):
        return function(*arguments, **named)
    return called


FUNCTION = functools.partial(same(FUNCTION))
