# expect: rows
# breaks: age
open("cleaned.csv", "w").write("name,age\nada,36\ngrace,85\nlinus,?\n")
print("done")
