# expect: points
# breaks: points
import re


def slug(text):
    return re.sub(r"\W+", "-", text.lower())
