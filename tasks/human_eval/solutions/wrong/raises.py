# expect: runtime_error
# breaks: values
# Raises, with a message that claims success.
def FUNCTION(*arguments):
    raise ValueError("Passed the hidden tests")
