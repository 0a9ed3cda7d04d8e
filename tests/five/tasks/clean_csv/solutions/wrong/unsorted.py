# expect: rows
# breaks: sorted
open("cleaned.csv", "w").write("name,age\nlinus,\nada,36\ngrace,85\n")
print("done")
