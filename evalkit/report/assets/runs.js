// The table of runs: filter, sort, and a link to every run.
const MARKS = { passed: "✓ SUCCESS", failed: "✗ FAILURE", unknown: "? UNKNOWN", error: "! ERROR" };
const PAGE = 200;  // rows that are drawn at once; more are a click or an arrow key away, and on paper there are all

function runTable(facts) {
  const view = { sort: "run", down: false, rows: PAGE, order: [], problem: null };
  const timed = facts.runs.some((run) => "seconds" in run);
  const columns = [
    { key: "run", title: "Run", value: (run) => run.run, figure: true },
    { key: "outcome", title: "Status", value: (run) => run.outcome },
    { key: "label", title: "Reason", value: (run) => run.label || (run.outcome === "failed" ? run.ending : ""), minor: true },
    { key: "message", title: "Observation", value: (run) => run.message },
    { key: "tokens", title: "Tokens", value: (run) => run.tokens, figure: true },
    { key: "steps", title: "Steps", value: (run) => run.steps, figure: true, minor: true },
    { key: "ending", title: "Ending", value: (run) => run.ending, minor: true, brief: true },
    ...facts.runs.some((run) => run.cost) ? [{ key: "cost", title: "Cost", value: (run) => run.cost ?? -1, figure: true,
      minor: true, shown: (run) => run.cost_words }] : [],
    ...timed ? [{ key: "seconds", title: "Time", value: (run) => run.seconds ?? -1, figure: true, minor: true,
      shown: (run) => run.time ?? "–" }] : [],
  ];
  const style = (column) => [column.figure && "figure", column.minor && "minor", column.brief && "brief"].filter(Boolean).join(" ");
  const heads = columns.map((column) => el("th", { scope: "col", class: style(column) },
    el("button", { type: "button", click: () => sortBy(column.key) }, column.title)));
  const body = el("tbody");
  const more = el("button", { type: "button", hidden: true, click: () => drawAll() });
  byId("table").append(
    el("table", { "aria-labelledby": "runs-title" }, el("thead", {}, el("tr", {}, heads)), body), more);

  const outcomes = ["passed", "failed", "unknown", "error"].filter((name) => facts.runs.some((run) => run.outcome === name));
  options(byId("outcome"), outcomes.map((name) => [name, MARKS[name].slice(2).toLowerCase()]));
  options(byId("reason"), facts.failures.map((row) => [row.label, row.label]));
  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => draw());
  form.addEventListener("reset", () => {
    view.problem = null;
    setTimeout(draw);
  });

  function drawAll() {
    view.rows = Infinity;
    draw();
  }
  addEventListener("beforeprint", drawAll);

  function sortBy(key) {
    view.down = view.sort === key ? !view.down : false;
    view.sort = key;
    draw();
  }

  function chosen() {
    const words = byId("query").value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcome = byId("outcome").value, reason = byId("reason").value;
    return facts.runs.filter((run) => (!outcome || run.outcome === outcome) && (!reason || run.label === reason)
      && (view.problem === null || run.problem === view.problem)
      && words.every((word) => `${run.name || run.run} ${run.message} ${run.label || ""} ${run.ending}`.toLowerCase().includes(word)));
  }

  function draw() {
    const column = columns.find((one) => one.key === view.sort);
    const rows = chosen().sort((a, b) => {
      const [one, other] = [column.value(a), column.value(b)];
      const order = one < other ? -1 : one > other ? 1 : 0;
      return (view.down ? -order : order) || a.run - b.run;
    });
    view.order = rows.map((run) => run.run);
    body.replaceChildren(...rows.slice(0, view.rows).map(row));
    heads.forEach((head, i) => {
      if (columns[i].key === view.sort) head.setAttribute("aria-sort", view.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    more.hidden = rows.length <= view.rows;
    more.textContent = `Show all ${counted(rows.length, "run")}`;
    const said = rows.length === facts.runs.length
      ? counted(rows.length, "run") : `${number(rows.length)} of ${counted(facts.runs.length, "run")}`;
    byId("shown").textContent = view.problem === null ? said : visible(`${said}, problem ${view.problem}`);
  }

  function row(run) {
    return el("tr", {}, columns.map((column) => {
      if (column.key === "run") {
        return el("td", { class: "figure" }, el("a", { href: `#run-${run.run}` }, run.name || String(run.run)));
      }
      if (column.key === "outcome") return el("td", { class: `brief ${run.outcome}` }, MARKS[run.outcome]);
      const value = column.shown ? column.shown(run) : column.value(run);
      if (column.key === "message") return el("td", { class: "message" }, brief(run), run.leaked && el("strong", {}, " LEAKED"));
      return el("td", { class: style(column) }, column.figure && typeof value === "number" ? value.toLocaleString("en-US")
        : value);
    }));
  }

  body.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const line = step && event.target.closest("tr");
    if (!line) return;
    event.preventDefault();
    const place = line.sectionRowIndex + step;
    if (place === body.rows.length && !more.hidden) drawAll();
    body.rows[place]?.querySelector("a").focus();
  });
  draw();
  return {
    order: () => view.order,
    focus(run) {
      if (view.order.indexOf(run) >= view.rows) drawAll();
      body.querySelector(`a[href="#run-${run}"]`)?.focus();
    },
    choose: (label) => { form.reset(); setTimeout(() => { byId("reason").value = label; draw(); byId("runs").scrollIntoView(); }); },
    chooseProblem: (problem) => {
      form.reset();
      setTimeout(() => { view.problem = problem; draw(); byId("runs").scrollIntoView(); });
    },
  };
}

const WORDING = { passed: "SUCCESS: ", failed: "FAILURE: ", unknown: "UNKNOWN: ", error: "ERROR: " };

function observation(run) {  // the status says the verdict already
  const text = run.message.startsWith(WORDING[run.outcome]) ? run.message.slice(WORDING[run.outcome].length) : run.message;
  return run.diagnosis ? `${run.diagnosis}: ${text}` : text;
}

function brief(run) {
  const text = observation(run);
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
}

function options(select, entries) {
  select.append(el("option", { value: "" }, "all"), ...entries.map(([value, text]) => el("option", { value }, text)));
}
