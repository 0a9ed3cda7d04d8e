# expect: timeout
# breaks: time
# A loop without an end.
def FUNCTION(*arguments):
    while True:
        pass
