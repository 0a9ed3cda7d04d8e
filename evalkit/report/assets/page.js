// Puts the page together and follows links such as #run-7.
const facts = JSON.parse(byId("facts").textContent);
const STATES = { "IN BAND": "passed", "TOO EASY": "failed", "TOO HARD": "failed", UNDECIDED: "error" };

byId("title").textContent = visible(facts.title);
byId("subtitle").textContent = visible(`${facts.task} · ${facts.model} · ${counted(facts.runs.length, "run")}`);
byId("headline").append(
  el("span", { class: "rate" }, facts.rate_words),
  el("span", { class: `decision ${STATES[facts.decision]}` }, facts.verdict),
  el("span", { class: "muted" }, !facts.graded ? "no run was graded" :
    `${percent(facts.confidence, 0)} interval ${percent(facts.interval.low)} to ${percent(facts.interval.high)}, ` +
    `target ${numeral(100 * facts.band.low)} to ${numeral(100 * facts.band.high)}%`));
const runs = runTable(facts);
if (facts.problems.length) problemTable(facts, runs);
byId("failures").append(facts.failures.length ? table(["Reason", figureHead("Runs"), figureHead("Share"), ""], facts.failures.map((row) => {
  const bar = el("div", { class: "share" });
  bar.style.width = percent(row.share);
  return [el("button", { type: "button", class: "plain", click: () => runs.choose(row.label) }, row.label),
    el("td", { class: "figure" }, number(row.count)), el("td", { class: "figure" }, percent(row.share)),
    el("td", { class: "bar minor" }, bar)];
}), "Failure reasons") : el("p", { class: "muted" }, "No run failed."));
const title = document.title;
let opened = null;

if (facts.curve) {
  const { steps, end } = facts.curve, output = el("output", { for: "probe" }), values = steps.map(([tokens]) => tokens);
  const say = (tokens) => output.textContent = `within ${number(tokens)} tokens ${steps[placeOf(values, tokens)][1]}`;
  byId("curve").append(el("div", { class: "probe" }, sliderOf(byId("curve").querySelector("svg"), "x",
    { id: "probe", label: "Output tokens", say, at: end, end, whole: true }), output));
}

async function route() {
  const found = /^#run-(\d+)$/.exec(location.hash);
  const run = found && facts.runs.find((one) => one.run === Number(found[1]));
  byId("overview").hidden = Boolean(run);
  byId("run").hidden = !run;
  if (!run) {
    document.title = title;
    const before = opened;
    opened = null;
    if (before) runs.focus(before);
    return;
  }
  opened = run.run;
  document.title = `${run.name || `Run ${run.run}`} – ${title}`;
  const holder = byId("run");
  holder.replaceChildren(path(run), el("p", { class: "muted" }, "Unpacking the conversation…"));
  let content;
  try {
    content = drawRun(facts, run, await unpack(run.run));
  } catch (error) {
    content = [el("p", { class: "note" }, `This conversation cannot be shown (${error}): a current browser is needed.`)];
  }
  if (opened !== run.run) return;
  holder.replaceChildren(path(run), ...content.flat().filter(Boolean));
  scrollTo(0, 0);
  holder.focus({ preventScroll: true });
}

function neighbour(step) {
  const order = runs.order().includes(opened) ? runs.order() : facts.runs.map((run) => run.run);
  return order[order.indexOf(opened) + step];
}

function path(run) {
  const link = (to, text) => to === undefined ? null : el("a", { href: `#run-${to}` }, text);
  const said = (to) => facts.runs.find((one) => one.run === to)?.name || `Run ${to}`;
  return el("nav", { class: "path", "aria-label": "Runs" }, el("a", { href: "#" }, "All runs"),
    link(neighbour(-1), `← ${said(neighbour(-1))}`), link(neighbour(1), `${said(neighbour(1))} →`),
    el("span", { class: "keys" }, el("kbd", {}, "←"), " ", el("kbd", {}, "→"), " other runs, ", el("kbd", {}, "Esc"), " all runs"));
}

addEventListener("hashchange", route);
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (event.key === "/" && !opened) {
    event.preventDefault();
    byId("query").focus();
  }
  if (!opened) return;
  if (event.key === "Escape") location.hash = "";
  const to = { ArrowLeft: -1, k: -1, ArrowRight: 1, j: 1 }[event.key];
  if (to && neighbour(to) !== undefined) location.hash = `run-${neighbour(to)}`;
});
route();
