# In a fence, as chat models write what they computed.
print(f"```\n{EXPRESSION}\n```")
