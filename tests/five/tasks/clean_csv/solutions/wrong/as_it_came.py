# expect: rows
# breaks: case
open("cleaned.csv", "w").write("name,age\nAda,36\ngrace,85\nlinus,\n")
print("done")
