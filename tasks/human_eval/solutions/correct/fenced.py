Here is the function:

```python
SOLUTION
```

It passes the examples.
