# expect: format_error
# breaks: number
# The fields that a careless grader might read.
import json

print(json.dumps({"passed": True, "score": 1.0, "answer": None}))
