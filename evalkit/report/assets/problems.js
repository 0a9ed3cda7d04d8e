// The table of a set's problems: filter, sort, a link to every try, and the tries of one in the table of runs.
function problemTable(facts, runs) {
  const tries = new Map(facts.problems.map((problem) => [problem.problem, []]));
  for (const run of facts.runs) tries.get(run.problem)?.push(run);
  facts.problems.forEach((problem, place) => { problem.place = place; });
  const columns = [
    { key: "place", title: "Problem", shown: name },
    { title: "Tries", shown: strip },
    { key: "rate", title: "Pass rate", shown: (problem) => problem.rate_words },
    { key: "tokens", title: "Tokens", shown: (problem) => problem.tokens_words, style: "figure" },
    { key: "failures", title: "Failures", shown: (problem) => problem.failures, style: "minor" },
  ];
  const view = { sort: "rate", down: false, rows: PAGE };
  const heads = columns.map((column) => el("th", { scope: "col", class: column.style },
    column.key ? el("button", { type: "button", click: () => sortBy(column.key) }, column.title) : column.title));
  const body = el("tbody");
  const more = el("button", { type: "button", hidden: true, click: () => drawAll() });
  byId("problem-table").append(
    el("table", { "aria-labelledby": "problems-title" }, el("thead", {}, el("tr", {}, heads)), body), more);
  const known = (problem) => problem.rate !== null, { low, high } = facts.band;
  const solved = {
    never: (problem) => problem.rate === 0,
    sometimes: (problem) => known(problem) && problem.rate > 0 && problem.rate < 1,
    always: (problem) => problem.rate === 1,
    "in the target range": (problem) => known(problem) && problem.rate >= low && problem.rate <= high,
    "not known": (problem) => !known(problem),
  };
  options(byId("solved"), Object.keys(solved).filter((one) => facts.problems.some(solved[one])).map((one) => [one, one]));
  const form = byId("problem-filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => draw());
  form.addEventListener("reset", () => setTimeout(draw));
  addEventListener("beforeprint", drawAll);

  function drawAll() {
    view.rows = Infinity;
    draw();
  }

  function sortBy(key) {
    view.down = view.sort === key ? !view.down : false;
    view.sort = key;
    draw();
  }

  function chosen() {
    const words = byId("problem-query").value.toLowerCase().split(/\s+/).filter(Boolean), which = solved[byId("solved").value];
    return facts.problems.filter((problem) => (!which || which(problem))
      && words.every((word) => `${problem.problem} ${problem.failures}`.toLowerCase().includes(word)));
  }

  function draw() {
    const rows = chosen().sort((a, b) => {
      const [one, other] = [a[view.sort], b[view.sort]];
      if (one === null || other === null) return (one === null) - (other === null) || a.place - b.place;
      const order = one < other ? -1 : one > other ? 1 : 0;
      return (view.down ? -order : order) || a.place - b.place;
    });
    body.replaceChildren(...rows.slice(0, view.rows).map((problem) => el("tr", {},
      columns.map((column) => el("td", { class: column.style }, column.shown(problem))))));
    heads.forEach((head, i) => {
      if (columns[i].key === view.sort) head.setAttribute("aria-sort", view.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    more.hidden = rows.length <= view.rows;
    more.textContent = `Show all ${counted(rows.length, "problem")}`;
    byId("problems-shown").textContent = rows.length === facts.problems.length
      ? counted(rows.length, "problem") : `${number(rows.length)} of ${counted(facts.problems.length, "problem")}`;
  }

  function name(problem) {  // of very many runs, those of the last problems are not in the page
    if (!tries.get(problem.problem).length) return problem.problem;
    return el("button", { type: "button", class: "plain", click: () => runs.chooseProblem(problem.problem) }, problem.problem);
  }

  function strip(problem) {
    const listed = tries.get(problem.problem);
    return el("span", { class: "strip" }, [...problem.strip].map((mark, i) => listed[i] && mark !== "…"
      ? el("a", { href: `#run-${listed[i].run}`, class: listed[i].outcome, title: `${listed[i].name}: ${listed[i].outcome}` }, mark) : mark));
  }
  draw();
}
