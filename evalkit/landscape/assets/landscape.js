// A sweep's page: curves and heat maps of the exact rate at every value, the swept cells on top, all of it by keyboard.
const facts = JSON.parse(byId("facts").textContent);
const z = facts.z;
const FAILURES = [...new Set(facts.panels.flatMap((panel) => panel.cells.flatMap((cell) => Object.keys(cell.failures))))];
const UNKNOWN = facts.panels.some((panel) => panel.cells.some((cell) => cell.unknown));

// Wilson (1927): the score interval.
function wilson(passed, runs) {
  if (!runs) return [0, 1];
  const rate = passed / runs, spread = z * z / runs;
  const centre = (rate + spread / 2) / (1 + spread);
  const half = Math.sqrt(spread * (rate * (1 - rate) + spread / 4)) / (1 + spread);
  return [passed === 0 ? 0 : Math.max(0, centre - half), passed === runs ? 1 : Math.min(1, centre + half)];
}

const whole = (share) => percent(share, 0);
const inBand = (rate) => rate != null && rate >= facts.band.low && rate <= facts.band.high;
const value = (x) => x == null ? "no limit"
  : Number.isInteger(x) ? x.toLocaleString("en-US") : String(Number(x.toPrecision(3)));
// Knobs by the last parts of their names, as many as keep them apart.
const KNOBS = [...new Set(facts.panels.flatMap((panel) => panel.cells.flatMap((cell) => Object.keys(cell.at))))];
const lastParts = (knob, count) => knob.split(".").slice(-count).join(".");
const PARTS = [1, 2, 3, 4, 5, 6].find((count) => new Set(KNOBS.map((knob) => lastParts(knob, count))).size === KNOBS.length);
const shortName = (knob) => lastParts(knob, PARTS ?? 7);
const rateText = (cell) => !cell.range ? "–" : cell.unknown ? `${whole(cell.range.low)}–${whole(cell.range.high)}` : percent(cell.rate);
const said = (passed, runs, unknown = 0) => {
  if (!runs) return "no run was graded";
  const low = wilson(passed, runs)[0], high = wilson(passed + unknown, runs)[1];
  const mark = inBand(passed / runs) && inBand((passed + unknown) / runs) ? " – in the band" : "";
  if (unknown) {
    return `${passed} of ${runs} pass and ${unknown} are unknown: between ${percent(passed / runs)} and ` +
      `${percent((passed + unknown) / runs)} (${(100 * low).toFixed(1)}-${percent(high)})${mark}`;
  }
  return `${passed} of ${runs} pass: ${percent(passed / runs)} (${(100 * low).toFixed(1)}-${percent(high)})${mark}`;
};

// Sentences mark knobs with backquotes. Ranges such as 10-40% stay on one line.
const together = (text) => text.split(/(\(?[\d.]+-[\d.]+%\)?)/).map((part, index) => index % 2 ? el("span", { class: "range" }, part) : part);
const sentence = (text) => text.split("`").flatMap((part, index) => index % 2 ? el("code", {}, part) : together(part));

function transform(scale) {
  const f = scale.logarithmic ? Math.log : (x) => x, g = scale.logarithmic ? Math.exp : (x) => x;
  const low = f(scale.low), high = f(scale.high);
  return {
    share: (x) => Math.min(1, Math.max(0, (f(x == null ? scale.high : x) - low) / (high - low || 1))),
    at: (share) => g(low + share * (high - low)),
  };
}

function stepAt(steps, x) {
  let low = 0, high = steps.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (steps[middle][0] <= x) low = middle; else high = middle - 1;
  }
  return steps[low];
}

// Round numbers (1, 2 or 5 times a power of ten), at most so many.
function roundTicks(scale, most) {
  if (!scale.logarithmic) {
    const rough = (scale.high - scale.low) / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).map((n) => scale.whole ? Math.max(1, n) : n).find((n) => n >= rough * (1 - 1e-9));
    const first = Math.ceil(scale.low / step - 1e-9), last = Math.floor(scale.high / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step).toPrecision(12)));
  }
  const first = Math.floor(Math.log10(scale.low)), last = Math.floor(Math.log10(scale.high));
  const decades = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  let found = [];
  for (const digits of [[1, 2, 3, 4, 6, 8], [1, 2, 5], [1, 3], [1]]) {
    found = decades.flatMap((decade) => digits.map((digit) => Number(`${digit}e${decade}`)))
      .filter((v) => v >= scale.low && v <= scale.high);
    if (found.length <= most) return found;
  }
  return found.filter((_, n) => n % Math.ceil(found.length / most) === 0);
}

// ---- one swept knob: the whole step function, as wide as there is room ----
const LEFT = 48, RIGHT = 14, TOP = 18, BOTTOM = 44;
const drawings = [];
const KEY = "Line: share of runs that pass, in the shade of its interval. Dots: swept cells; thick bars: intervals, thin: " +
  "all cells at once. Green area: the target; green bar on the axis, if there is one: values that are recommended.";

function recommended(panel, curve) {
  return panel.recommendations.find((found) => found.knob === curve.knob && found.value != null &&
    Object.entries(found.at).every(([knob, v]) => curve.at[knob] === v));
}

function curvePlot(panel, curve, scale, tried, W) {
  const H = Math.round(Math.min(420, Math.max(260, W * 0.4)));
  const place = transform(scale);
  const x = (v) => LEFT + place.share(v) * (W - LEFT - RIGHT), y = (share) => TOP + (1 - share) * (H - TOP - BOTTOM);
  const steps = [[scale.low, ...stepAt(curve.steps, scale.low).slice(1)],
    ...curve.steps.filter((step) => step[0] > scale.low && step[0] <= scale.high)];
  const across = (f) => steps.flatMap((step, n) => {
    const end = n + 1 < steps.length ? steps[n + 1][0] : scale.high;
    return [[x(step[0]), y(f(step))], [x(end), y(f(step))]];
  });
  const points = (list) => list.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" ");
  const rate = (step) => step[2] ? step[1] / step[2] : 0;
  const highest = (step) => step[2] ? (step[1] + step[3]) / step[2] : 0;
  const unsure = steps.some((step) => step[3]);
  const margin = [...across((step) => wilson(step[1] + step[3], step[2])[1]), ...across((step) => wilson(step[1], step[2])[0]).reverse()];
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: H - BOTTOM, x1: LEFT, x2: LEFT });
  const best = recommended(panel, curve);
  const unlimited = panel.cells.some((cell) => cell.at[curve.knob] === null);
  const parts = [
    svg("rect", { class: "zone", x: LEFT, width: W - LEFT - RIGHT, y: y(facts.band.high), height: y(facts.band.low) - y(facts.band.high) }),
    svg("polygon", { class: "margin", points: points(margin) }),
    ...unsure ? [svg("polygon", { class: "unsure", points: points([...across(highest), ...across(rate).reverse()]) }),
      svg("polyline", { class: "curve", points: points(across(highest)) })] : [],
    svg("polyline", { class: "curve", points: points(across(rate)) }),
    svg("line", { class: "axis", x1: LEFT, x2: W - RIGHT, y1: y(0), y2: y(0) }),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => svg("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, whole(share))),
    unlimited && svg("text", { class: "tick", x: x(null), y: H - BOTTOM + 18, "text-anchor": "end" }, "no limit"),
    ...roundTicks(scale, Math.floor(W / 80)).filter((v) => !unlimited || x(v) < W - 90).flatMap((v) => [
      svg("line", { class: "axis", x1: x(v), x2: x(v), y1: y(0), y2: y(0) + 5 }),
      svg("text", { class: "tick", x: x(v), y: H - BOTTOM + 18, "text-anchor": x(v) > W - 30 ? "end" : "middle" }, value(v))]),
    svg("text", { class: "strong", x: (LEFT + W - RIGHT) / 2, y: H - 8, "text-anchor": "middle" }, curve.knob),
  ];
  if (best) {
    const { low, high } = best.certain;
    const at = x(best.value), right = at > W * 0.7;
    parts.push(
      svg("rect", { class: "recommended", x: x(low), width: Math.max(2, x(high ?? scale.high) - x(low)), y: y(0), height: 5 }),
      svg("line", { class: "chosen", x1: at, x2: at, y1: TOP - 8, y2: y(0) }),
      svg("text", { class: "chosen-text", x: right ? at - 6 : at + 6, y: TOP, "text-anchor": right ? "end" : "start" },
        `set ${value(best.value)}`));
  }
  for (const cell of panel.cells) {
    if (!cell.range || !matches(curve, cell)) continue;
    const at = x(cell.at[curve.knob]);
    parts.push(
      svg("line", { class: "whisker wide", x1: at, x2: at, y1: y(cell.simultaneous.low), y2: y(cell.simultaneous.high) }),
      svg("line", { class: "whisker narrow", x1: at, x2: at, y1: y(cell.pointwise.low), y2: y(cell.pointwise.high) }),
      cell.unknown
        ? svg("rect", { class: cell.in_band ? "inside" : "mark", x: at - 4, width: 8, y: y(cell.range.high), height: y(cell.range.low) - y(cell.range.high) })
        : svg("circle", { class: cell.in_band ? "inside" : "mark", cx: at, cy: y(cell.rate), r: 5 }));
  }
  const output = el("output", { "aria-live": "polite" });
  const slider = el("input", { type: "range", min: 0, max: 1000, value: tried.share ?? 500, "aria-label": curve.knob });
  const show = () => {
    let v = best && tried.share == null ? best.value : place.at(slider.value / 1000);
    if (curve.whole) v = Math.round(v);
    const [, passed, graded, unknown] = stepAt(curve.steps, v);
    cursor.setAttribute("x1", x(v));
    cursor.setAttribute("x2", x(v));
    output.textContent = `${shortName(curve.knob)} = ${value(v)}: ${said(passed, graded, unknown)}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  slider.addEventListener("input", () => { tried.share = slider.value; show(); });
  if (best && tried.share == null) slider.value = Math.round(1000 * place.share(best.value));
  show();
  const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, width: W, role: "img",
    "aria-label": `Pass rate by ${curve.knob}; the table below has the swept values` }, ...parts, cursor);
  return el("figure", {}, picture, el("label", { class: "probe" }, "Try a value", slider, output));
}

const matches = (curve, cell) => Object.entries(cell.at).every(([knob, v]) => knob === curve.knob || curve.at[knob] === v);

// ---- two swept knobs: the exact rate everywhere ----
const SHADES = [[247, 251, 255], [198, 219, 239], [107, 174, 214], [33, 113, 181], [8, 48, 107]];

function shade(rate) {
  const place = rate * (SHADES.length - 1), n = Math.min(SHADES.length - 2, Math.floor(place)), part = place - n;
  return SHADES[n].map((low, index) => Math.round(low + part * (SHADES[n + 1][index] - low)));
}

function drawField(canvas, map) {
  const columns = map.x.values.length, rows = map.y.values.length, size = 6;
  canvas.width = columns * size;
  canvas.height = rows * size;
  const pen = canvas.getContext("2d");
  const known = (place) => map.graded[place] && !map.unknown[place];
  const rate = (i, j) => known(i * rows + j) ? map.passed[i * rows + j] / map.graded[i * rows + j] : null;
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < rows; j++) {
      const here = rate(i, j);
      pen.fillStyle = here == null ? "#888" : `rgb(${shade(here).join(",")})`;
      pen.fillRect(i * size, (rows - 1 - j) * size, size, size);
    }
  }
  pen.fillStyle = "#1a7f37";  // the border of the band, wherever two neighbours differ
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < rows; j++) {
      const inside = inBand(rate(i, j)), top = (rows - 1 - j) * size;
      if (i + 1 < columns && inBand(rate(i + 1, j)) !== inside) pen.fillRect((i + 1) * size - 1, top, 2, size);
      if (j + 1 < rows && inBand(rate(i, j + 1)) !== inside) pen.fillRect(i * size, top - 1, size, 2);
    }
  }
}

const nearest = (values, x) => {
  let best = 0;
  values.forEach((v, n) => { if (v <= x) best = n; });
  return best;
};

function heatMap(panel, map, select) {
  const [knobX, knobY] = [map.x.knob, map.y.knob], placeX = transform(map.x), placeY = transform(map.y);
  const canvas = el("canvas", { role: "img", "aria-label": `Pass rate by ${knobX} and ${knobY}; the table has the swept values` });
  drawField(canvas, map);
  const crossX = el("div", { class: "cross x" }), crossY = el("div", { class: "cross y" });
  const field = el("div", { class: "field" }, canvas, crossX, crossY);
  for (const found of panel.recommendations) {
    if (!found.certain || ![knobX, knobY].includes(found.knob)) continue;
    if (!Object.entries(map.at).every(([knob, v]) => found.at[knob] === v)) continue;
    const across = found.knob === knobX, place = across ? placeX : placeY, { low, high } = found.certain;
    const bar = el("div", { class: across ? "sure x" : "sure y", title: `recommended for ${found.knob}` });
    bar.style[across ? "left" : "bottom"] = `${100 * place.share(low)}%`;
    bar.style[across ? "width" : "height"] = `${100 * (place.share(high) - place.share(low))}%`;
    bar.style[across ? "bottom" : "left"] = `${100 * (across ? placeY.share(found.at[knobY]) : placeX.share(found.at[knobX]))}%`;
    field.append(bar);
  }
  for (const cell of panel.cells) {
    if (!Object.entries(map.at).every(([knob, v]) => cell.at[knob] === v)) continue;
    const button = el("button", { class: cell.in_band ? "spot in" : "spot", type: "button", "aria-pressed": "false", "data-cell": cell.cell,
      "aria-label": `${shortName(knobX)} ${value(cell.at[knobX])}, ${shortName(knobY)} ${value(cell.at[knobY])}: ${said(cell.passed, cell.runs, cell.unknown)}`,
      click: () => select(cell) }, cell.range ? [...new Set([cell.range.low, cell.range.high].map((share) => Math.round(100 * share)))].join("–") : "–");
    button.style.left = `${100 * placeX.share(cell.at[knobX])}%`;
    button.style.bottom = `${100 * placeY.share(cell.at[knobY])}%`;
    field.append(button);
  }
  const output = el("output", { "aria-live": "polite" });
  const sliders = [knobX, knobY].map((knob) => el("input", { type: "range", min: 0, max: 1000, value: 600, "aria-label": knob }));
  const show = () => {
    const i = nearest(map.x.values, placeX.at(sliders[0].value / 1000)), j = nearest(map.y.values, placeY.at(sliders[1].value / 1000));
    const place = i * map.y.values.length + j;
    crossX.style.left = `${100 * placeX.share(map.x.values[i])}%`;
    crossY.style.bottom = `${100 * placeY.share(map.y.values[j])}%`;
    output.textContent = `${shortName(knobX)} = ${value(map.x.values[i])}, ${shortName(knobY)} = ${value(map.y.values[j])}: ` +
      said(map.passed[place], map.graded[place], map.unknown[place]);
  };
  sliders.forEach((slider) => slider.addEventListener("input", show));
  show();
  const marks = (scale, side, most) => roundTicks(scale, most).map((v) => {
    const mark = el("span", {}, value(v));
    mark.style[side] = `${100 * transform(scale).share(v)}%`;
    return mark;
  });
  const fixed = Object.entries(map.at).map(([knob, v]) => `${shortName(knob)} = ${value(v)}`).join(", ");
  return el("figure", {},
    fixed && el("h3", {}, fixed),
    el("div", { class: "map" },
      el("div", { class: "side" }, ...marks(map.y, "bottom", 6)), field,
      el("div", { class: "foot" }, ...marks(map.x, "left", 5))),
    el("figcaption", {}, `across: ${knobX}; up: ${knobY}; numbers: percent passed in the swept cells`),
    el("label", { class: "probe" }, shortName(knobX), sliders[0]),
    el("label", { class: "probe" }, shortName(knobY), sliders[1]), output);
}

const colourScale = () => el("div", { class: "scale", "aria-hidden": "true" }, "pass rate 0%",
  ...[0, 0.25, 0.5, 0.75, 1].map((share) => {
    const box = el("i");
    box.style.background = `rgb(${shade(share).join(",")})`;
    return box;
  }), "100%; green line: border of the band; green bars: recommended values", UNKNOWN && "; grey: not known as one number");

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

function cellTable(panel) {
  const knobs = Object.keys(panel.cells[0].overrides);
  const interval = (kind) => brief(`${percent(kind.low)} to ${percent(kind.high)}`);
  // A long name breaks after its dots.
  const header = [...knobs.map((knob) => el("th", { scope: "col" }, knob.split(/(?<=\.)/).flatMap((part) => [part, el("wbr")]))), figureHead("Passed"), figureHead("Rate"), "Interval", "All cells at once", "Verdict", "How they ended"];
  const rows = panel.cells.map((cell) => [...knobs.map((knob) => cell.overrides[knob]), figure(`${cell.passed} of ${cell.runs}`),
    figure(rateText(cell)), interval(cell.pointwise), interval(cell.simultaneous),
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

function details(panel) {
  const box = el("div", { class: "setting", "aria-live": "polite" });
  const select = (cell) => {
    document.querySelectorAll(".spot").forEach((spot) => spot.setAttribute("aria-pressed", String(spot.dataset.cell === String(cell.cell))));
    box.replaceChildren(
      el("h3", {}, Object.entries(cell.overrides).map(([knob, v]) => `${knob}=${v}`).join(" ")),
      el("p", {}, `${said(cell.passed, cell.runs, cell.unknown)}; with all cells at once ${percent(cell.simultaneous.low)} to ` +
        `${percent(cell.simultaneous.high)}; ${cell.verdict}; ${number(cell.output_tokens)} output tokens`), layers(cell));
  };
  return [box, select];
}

function panelSection(panel, index) {
  const name = Object.entries(panel.fixed).map(([knob, v]) => `${knob}=${v}`).join(", ");
  const section = el("section", { "aria-label": name || "Landscape" }, name && el("h2", {}, name),
    panel.simulated && el("p", { class: "note" }, "Simulated model: these figures measure no LLM."),
    ...panel.sentences.map((text) => el("p", { class: "says" }, sentence(text))));
  const [box, select] = details(panel);
  const maps = facts.maps[index];
  if (maps.length) {
    section.append(colourScale(), el("div", { class: "maps" }, maps.map((map) => heatMap(panel, map, select))), box);
    select(panel.cells.find((cell) => cell.cell === panel.nearest_to_band));
  }
  for (const axis of panel.axes) {
    const curves = panel.curves.filter((curve) => curve.knob === axis.knob);
    if (curves.length) section.append(curveSection(panel, axis, curves, facts.scales[index][axis.knob]));
  }
  const others = panel.recommendations.filter((found) => !panel.axes.some((axis) => axis.knob === found.knob));
  if (others.length) {
    section.append(el("details", {}, el("summary", {}, "What the other knobs could do"),
      el("ul", {}, others.map((found) => el("li", {}, sentence(found.sentence))))));
  }
  section.append(el("h3", {}, "Cells"), legend(), cellTable(panel));
  return section;
}

function curveSection(panel, axis, curves, scale) {
  const holder = el("div", {}), tried = {};
  const box = el("div", {}, el("h3", {}, `Along ${axis.knob}`));
  let chosen = curves[0];
  const draw = () => holder.replaceChildren(curvePlot(panel, chosen, scale, tried, Math.max(280, holder.clientWidth)));
  if (curves.length > 1) {
    const choice = el("select", { "aria-label": "Other knobs at", change: () => {
      chosen = curves[Number(choice.value)];
      draw();
    } },
    curves.map((curve, n) => el("option", { value: n }, panel.axes.filter((other) => other.knob !== axis.knob)
      .map((other) => `${other.knob}=${value(curve.at[other.knob])}`).join(", "))));
    box.append(el("label", { class: "muted" }, "with ", choice));
  }
  box.append(holder);
  if (!drawings.length) box.append(el("p", { class: "muted key" }, KEY));
  drawings.push(draw);
  return box;
}

const main = byId("landscape");
for (const note of facts.notes) main.append(el("p", { class: "note" }, note));
if (facts.confirmation) {
  const agrees = facts.confirmation.agrees;
  main.append(el("p", { class: agrees === false ? "note failed" : "note" }, facts.confirmation.sentence || `Confirmation: ${facts.confirmation.reason}.`));
}
facts.panels.forEach((panel, index) => main.append(panelSection(panel, index)));
const drawAll = () => drawings.forEach((draw) => draw());
drawAll();
let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(drawAll, 100);
});
