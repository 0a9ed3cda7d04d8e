# expect: runtime_error
# breaks: values
# A coroutine in place of a result.
async def FUNCTION(*arguments):
    return None
