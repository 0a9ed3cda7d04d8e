# expect: rows
# breaks: twice
import csv

rows = {}
for name, age in list(csv.reader(open("raw.csv")))[1:]:
    rows[name.strip().lower()] = age.strip() if age.strip().isdigit() else ""
with open("cleaned.csv", "w", newline="") as file:
    csv.writer(file).writerows([("name", "age"), *sorted(rows.items())])
print("done")
