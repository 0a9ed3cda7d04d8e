# expect: format_error
# breaks: number
import json

print(json.dumps({"answer": EXPRESSION}))
