// A sweep's page: curves and heat maps of the exact rate at every value, the swept cells on top, all of it by keyboard.
const facts = JSON.parse(byId("facts").textContent);
const FAILURES = [...new Set(facts.panels.flatMap((panel) => panel.cells.flatMap((cell) => Object.keys(cell.failures))))];
const SET = facts.panels.flatMap((panel) => panel.cells).find((cell) => cell.set)?.set;
const UNKNOWN = facts.panels.some((panel) => panel.cells.some((cell) => cell.unknown));

const whole = (share) => percent(share, 0);
const value = (x) => x == null ? "no limit"
  : Number.isInteger(x) ? x.toLocaleString("en-US") : String(Number(x.toPrecision(3)));
// Knobs by the last parts of their names, as many as keep them apart.
const KNOBS = [...new Set(facts.panels.flatMap((panel) => panel.cells.flatMap((cell) => Object.keys(cell.at))))];
const lastParts = (knob, count) => knob.split(".").slice(-count).join(".");
const PARTS = [1, 2, 3, 4, 5, 6].find((count) => new Set(KNOBS.map((knob) => lastParts(knob, count))).size === KNOBS.length);
const shortName = (knob) => lastParts(knob, PARTS ?? 7);
const rateText = (cell) => !cell.range ? "–" : cell.unknown ? `${whole(cell.range.low)}–${whole(cell.range.high)}` : percent(cell.rate);
const said = (index) => facts.said[index];

// Sentences mark knobs with backquotes. Ranges such as 10-40% stay on one line.
const together = (text) => text.split(/(\(?[\d.]+-[\d.]+%\)?)/).map((part, index) => index % 2 ? el("span", { class: "range" }, part) : part);
const sentence = (text) => text.split("`").flatMap((part, index) => index % 2 ? el("code", {}, part) : together(part));

// ---- one swept knob: the whole step function ----
const drawn = (id) => byId(id).content.firstElementChild.cloneNode(true);
const KEY = `Line: ${SET ? "mean share of tries that pass over the problems" : "share of runs that pass"}, in the shade of its interval. Dots: swept cells; thick bars: intervals, thin: ` +
  "all cells at once. Green area: the target; green bar on the axis, if there is one: values that are recommended.";

function curvePlot(curve, id, tried) {
  const drawing = drawn(id), output = el("output", { "aria-live": "polite" });
  const say = (v) => output.textContent = `${shortName(curve.knob)} = ${value(v)}: ${said(curve.said[placeOf(curve.steps, v)])}`;
  const at = tried.value ?? curve.start ?? scaleOf(drawing, "x").at(0.5);
  const slider = sliderOf(drawing, "x", { label: curve.knob, say, at: curve.whole ? Math.round(at) : at, whole: curve.whole });
  slider.addEventListener("input", () => { tried.value = scaleOf(drawing, "x").at(slider.value / 1000); });
  const signal = id.replace("curve", "signal");
  return el("figure", {}, drawing, el("label", { class: "probe" }, "Try a value", slider, output), byId(signal) && drawn(signal));
}

// ---- two swept knobs: the exact rate everywhere ----
function heatMap(panel, map, id, select) {
  const drawing = drawn(id), output = el("output", { "aria-live": "polite" });
  for (const spot of drawing.querySelectorAll(".spot")) {
    const chosen = () => select(panel.cells.find((cell) => String(cell.cell) === spot.dataset.id));
    spot.addEventListener("click", chosen);
    spot.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      chosen();
    });
  }
  const tried = {};
  const sliders = ["x", "y"].map((name) => {
    const { knob, values } = map[name];
    const say = (v) => {
      tried[name] = placeOf(values, v);
      if (tried.y === undefined) return "";
      output.textContent = `${["x", "y"].map((each) => `${shortName(map[each].knob)} = ${value(map[each].values[tried[each]])}`).join(", ")}: ` +
        said(map.said[tried.x * map.y.values.length + tried.y]);
      return output.textContent;
    };
    const slider = sliderOf(drawing, name, { label: knob, say, at: scaleOf(drawing, name).at(0.6) });
    return el("label", { class: "probe" }, shortName(knob), slider);
  });
  const fixed = Object.entries(map.at).map(([knob, v]) => `${shortName(knob)} = ${value(v)}`).join(", ");
  return el("figure", {}, fixed && el("h3", {}, fixed), drawing, sliders, output);
}

const colourScale = () => el("div", { class: "scale", "aria-hidden": "true" }, "pass rate 0%",
  ...facts.shades.map((colour) => {
    const box = el("i");
    box.style.background = `rgb(${colour.join(",")})`;
    return box;
  }), "100%; numbers: percent passed in the swept cells; green line: border of the band; green bars: recommended values", UNKNOWN && "; grey: not known as one number");

// ---- cells: failure layers and numbers ----
function layers(cell) {
  const bar = el("div", { class: "layers", role: "img", "aria-label": `${cell.passed} passed, ` +
    Object.entries(cell.failures).map(([name, count]) => `${count} ${name}`).join(", ") });
  const add = (count, kind, name) => {
    if (!count) return;
    const part = el("span", { class: kind, title: `${name}: ${count}` });
    part.style.flex = `${count} 0 0`;
    bar.append(part);
  };
  add(cell.passed, "pass", "passed");
  add(cell.unknown, "unsure", "unknown");
  FAILURES.forEach((name, index) => add(cell.failures[name], `f${index % 8}`, name));
  return bar;
}

const legend = () => el("ul", { class: "legend" }, el("li", {}, el("i", { class: "pass" }), "Passed"),
  UNKNOWN && el("li", {}, el("i", { class: "unsure" }), "Unknown"),
  FAILURES.map((name, index) => el("li", {}, el("i", { class: `f${index % 8}` }), name)));

const ofSet = (set) => !SET ? [] : !set ? [figure("–"), brief("–")] : [figure(`${set.in_band} of ${set.problems}`),
  brief(`${set.signal.value == null ? "" : `${percent(set.signal.value)}, `}${percent(set.signal.low)} to ${percent(set.signal.high)}`)];

function cellTable(panel) {
  const knobs = Object.keys(panel.cells[0].overrides);
  const interval = (kind) => brief(`${percent(kind.low)} to ${percent(kind.high)}`);
  // A long name breaks after its dots.
  const header = [...knobs.map((knob) => el("th", { scope: "col" }, knob.split(/(?<=\.)/).flatMap((part) => [part, el("wbr")]))), figureHead("Passed"), figureHead("Rate"), "Interval", "All cells at once", ...(SET ? [figureHead("Problems in the band"), "Signal"] : []), "Verdict", "How they ended"];
  const rows = panel.cells.map((cell) => [...knobs.map((knob) => cell.overrides[knob]), figure(`${cell.passed} of ${cell.runs}`),
    figure(rateText(cell)), interval(cell.pointwise), interval(cell.simultaneous), ...ofSet(cell.set),
    el("td", { class: "verdict" }, cell.verdict + (cell.errors ? `, ${counted(cell.errors, "error")}` : "")), layers(cell)]);
  const built = table(header, rows, "Cells of the sweep");
  built.querySelectorAll("tbody tr").forEach((row, index) => {
    row.id = `cell-${panel.cells[index].cell}`;
    if (panel.cells[index].in_band) row.classList.add("in");
  });
  return el("div", { class: "wide" }, built);
}

const brief = (text) => el("td", { class: "brief" }, text);
const figure = (text) => el("td", { class: "figure" }, text);

function details(panel, section) {
  const box = el("div", { class: "setting", "aria-live": "polite" });
  const select = (cell) => {
    section.querySelectorAll(".spot").forEach((spot) => spot.setAttribute("aria-pressed", String(spot.dataset.id === String(cell.cell))));
    box.replaceChildren(
      el("h3", {}, Object.entries(cell.overrides).map(([knob, v]) => `${knob}=${v}`).join(" ")),
      el("p", {}, `${said(cell.said)}; with all cells at once ${percent(cell.simultaneous.low)} to ` +
        `${percent(cell.simultaneous.high)}; ${cell.verdict}; ${number(cell.output_tokens)} output tokens`), layers(cell));
  };
  return [box, select];
}

function panelSection(panel, index) {
  const name = Object.entries(panel.fixed).map(([knob, v]) => `${knob}=${v}`).join(", ");
  const section = el("section", { "aria-label": name || "Landscape" }, name && el("h2", {}, name),
    panel.simulated && el("p", { class: "note" }, "Simulated model: these figures measure no LLM."),
    ...panel.sentences.map((text) => el("p", { class: "says" }, sentence(text))));
  const [box, select] = details(panel, section);
  if (panel.maps.length) {
    section.append(colourScale(), el("div", { class: "maps" }, panel.maps.map((map, n) => heatMap(panel, map, `map-${index}-${n}`, select))), box);
    select(panel.cells.find((cell) => cell.cell === panel.nearest_to_band));
  }
  for (const axis of panel.axes) {
    const curves = panel.curves.filter((curve) => curve.knob === axis.knob);
    if (curves.length) section.append(curveSection(panel, index, axis, curves));
  }
  const others = panel.recommendations.filter((found) => !panel.axes.some((axis) => axis.knob === found.knob));
  if (others.length) {
    section.append(el("details", {}, el("summary", {}, "What the other knobs could do"),
      el("ul", {}, others.map((found) => el("li", {}, sentence(found.sentence))))));
  }
  section.append(el("h3", {}, "Cells"), legend(), cellTable(panel));
  return section;
}

let explained = false;

function curveSection(panel, index, axis, curves) {
  const tried = {}, plots = (curve) => curvePlot(curve, `curve-${index}-${panel.curves.indexOf(curve)}`, tried);
  const box = el("div", {}, el("h3", {}, `Along ${axis.knob}`)), holder = el("div", {}, plots(curves[0]));
  if (curves.length > 1) {
    const choice = el("select", { "aria-label": "Other knobs at", change: () => holder.replaceChildren(plots(curves[Number(choice.value)])) },
      curves.map((curve, n) => el("option", { value: n }, panel.axes.filter((other) => other.knob !== axis.knob)
        .map((other) => `${other.knob}=${value(curve.at[other.knob])}`).join(", "))));
    box.append(el("label", { class: "muted" }, "with ", choice));
  }
  box.append(holder, explained ? "" : el("p", { class: "muted key" }, KEY));
  explained = true;
  return box;
}

const main = byId("landscape");
for (const note of facts.notes) main.append(el("p", { class: "note" }, note));
if (facts.confirmation) {
  const agrees = facts.confirmation.agrees;
  main.append(el("p", { class: agrees === false ? "note failed" : "note" }, facts.confirmation.sentence || `Confirmation: ${facts.confirmation.reason}.`));
}
facts.panels.forEach((panel, index) => main.append(panelSection(panel, index)));
