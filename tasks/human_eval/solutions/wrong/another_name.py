# expect: runtime_error
# breaks: function
# A function of another name.
SOLUTION

right_function = FUNCTION
del FUNCTION
