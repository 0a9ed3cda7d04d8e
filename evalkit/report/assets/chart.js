// Drawings, as wide as there is room: the pass rate in its target range, how many tokens success takes, and how a run
// spent its budget.
function roomFor(holder, most) {
  return Math.max(240, Math.min(most, holder.clientWidth || most));
}

function gauge(facts, width) {
  const left = 8, right = width - 8;
  const x = (share) => left + (right - left) * share;
  const name = !facts.graded ? "No pass rate" : `Pass rate ${facts.rate_words}, interval ` +
    `${percent(facts.interval.low)} to ${percent(facts.interval.high)}, target ${percent(facts.band.low, 0)} to ` +
    percent(facts.band.high, 0);
  const parts = [
    svg("rect", { class: "zone", x: x(facts.band.low), y: 8, width: x(facts.band.high) - x(facts.band.low), height: 24 }),
    svg("line", { class: "axis", x1: left, x2: right, y1: 32.5, y2: 32.5 }),
  ];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
    parts.push(svg("text", { x: x(share), y: 48, "text-anchor": anchor }, percent(share, 0)));
  }
  if (facts.graded) {
    parts.push(svg("line", { class: "span", x1: x(facts.interval.low), x2: x(facts.interval.high), y1: 20, y2: 20 }));
    parts.push(facts.unknown
      ? svg("rect", { class: "mark", x: x(facts.range.low), width: x(facts.range.high) - x(facts.range.low), y: 14, height: 12 })
      : svg("circle", { class: "mark", cx: x(facts.rate), cy: 20, r: 7 }));
  }
  return svg("svg", { viewBox: `0 0 ${width} 52`, width, role: "img", "aria-label": name }, parts);
}

function successes(facts) {
  return facts.runs.filter((run) => run.outcome === "passed").map((run) => run.tokens).sort((a, b) => a - b);
}

function rateAt(needed, graded, tokens) {
  return needed.filter((value) => value <= tokens).length / graded;
}

function ticks(top, room) {
  const rough = top / Math.max(2, Math.floor(room / 110)), scale = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * scale).find((n) => n >= rough);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
}

function curve(facts, width) {
  const needed = successes(facts);
  if (!facts.graded) return el("p", { class: "muted" }, "No run was graded.");
  if (facts.unknown) return el("p", { class: "muted" }, `Of ${counted(facts.unknown, "run")} nobody knows whether they passed.`);
  const limit = facts.limits.tokens;
  const top = Math.max(limit || 0, ...facts.runs.map((run) => run.tokens), 1) * 1.04;
  const box = { left: 44, right: width - 8, top: 14, bottom: 196 };
  const x = (tokens) => box.left + (box.right - box.left) * tokens / top;
  const y = (share) => box.bottom - (box.bottom - box.top) * Math.min(1, Math.max(0, share));
  const end = Math.min(top, limit || top);
  const steps = (offset) => {
    let path = `M${x(0)} ${y(offset)}`;
    needed.forEach((tokens, i) => { path += `H${x(tokens)}V${y((i + 1) / facts.graded + offset)}`; });
    return `${path}H${x(end)}`;
  };
  const below = [...needed].reverse().map((tokens, i) =>
    `V${y((needed.length - i) / facts.graded - facts.margin)}H${x(tokens)}`).join("");
  const bounded = facts.margin != null;
  const parts = [
    svg("rect", { class: "zone", x: box.left, width: box.right - box.left, y: y(facts.band.high),
      height: y(facts.band.low) - y(facts.band.high) }),
    bounded && svg("path", { class: "margin", opacity: 0.75,
      d: `${steps(facts.margin)}${below}V${y(-facts.margin)}H${x(0)}Z` }),
  ];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(svg("line", { class: "axis", x1: box.left, x2: box.right, y1: y(share), y2: y(share) }));
    parts.push(svg("text", { x: box.left - 6, y: y(share) + 4, "text-anchor": "end" }, percent(share, 0)));
  }
  for (const tokens of ticks(top, box.right - box.left)) {
    parts.push(svg("text", { x: x(tokens), y: box.bottom + 16, "text-anchor": "middle" }, number(tokens)));
  }
  parts.push(svg("text", { x: (box.left + box.right) / 2, y: box.bottom + 32, "text-anchor": "middle" },
    "output tokens of a run"));
  parts.push(svg("path", { class: "curve", d: steps(0) }));
  if (limit) {
    parts.push(svg("line", { class: "limit", x1: x(limit), x2: x(limit), y1: box.top - 6, y2: box.bottom }));
    parts.push(svg("text", { class: "limit-text", x: x(limit) - 5, y: box.top - 2, "text-anchor": "end" },
      `limit ${number(limit)}`));
  }
  const cursor = svg("line", { class: "cursor", y1: box.top, y2: box.bottom, x1: x(end), x2: x(end) });
  parts.push(cursor);
  const name = "Share of the graded runs that passed with at most so many output tokens";
  const drawing = svg("svg", { viewBox: `0 0 ${width} 232`, width, role: "img", "aria-label": name }, parts);
  const caption = el("figcaption", {}, "Line: share of the graded runs that passed with at most so many output tokens. " +
    (bounded ? `Blue: where the whole curve lies at ${percent(facts.confidence, 0)} confidence. ` : "") + "Green: the target range.");
  return el("figure", {}, drawing, caption, probe(facts, needed, end, (tokens) => {
    cursor.setAttribute("x1", x(tokens));
    cursor.setAttribute("x2", x(tokens));
  }));
}

function probe(facts, needed, end, moved) {
  const output = el("output", { for: "probe" });
  const say = (tokens) => {
    const rate = rateAt(needed, facts.graded, tokens);
    const low = Math.max(0, rate - facts.margin), high = Math.min(1, rate + facts.margin);
    output.textContent = `within ${number(tokens)} tokens ${percent(rate)} pass` + (facts.margin == null ? "" :
      ` (whole curve at ${percent(facts.confidence, 0)}: ${percent(low, 0)} to ${percent(high, 0)})`);
    moved(tokens);
  };
  const input = el("input", { type: "range", id: "probe", min: 0, max: Math.floor(end), step: 1,
    value: Math.floor(end), "aria-label": "Output tokens", input: (event) => say(Number(event.target.value)) });
  say(Math.floor(end));
  return el("div", { class: "probe" }, input, output);
}

function spending(turns, limit, width) {
  const total = turns.reduce((sum, turn) => sum + turn.tokens, 0);
  const top = Math.max(limit || 0, total, 1) * 1.02;
  const x = (tokens) => 6 + (width - 12) * tokens / top;
  let spent = 0;
  const parts = turns.map((turn, i) => {
    const start = spent;
    spent += turn.tokens;
    const style = turn.cut ? "cut" : i % 2 ? "odd" : "";
    return svg("rect", { class: `segment ${style}`, x: x(start), width: Math.max(1, x(spent) - x(start)), y: 18, height: 22 },
      svg("title", {}, `Turn ${i + 1}: ${counted(turn.tokens, "token")}`));
  });
  parts.push(svg("text", { x: 6, y: 56, "text-anchor": "start" }, `${counted(total, "output token")} in ` +
    counted(turns.length, "turn")));
  if (limit) {
    parts.push(svg("line", { class: "limit", x1: x(limit), x2: x(limit), y1: 12, y2: 46 }));
    parts.push(svg("text", { class: "limit-text", x: x(limit), y: 9, "text-anchor": "end" }, `limit ${number(limit)}`));
  }
  const name = `${counted(total, "output token")} over ${counted(turns.length, "turn")}` +
    (limit ? `, limit ${number(limit)}` : "");
  return svg("svg", { class: "spent", viewBox: `0 0 ${width} 60`, width, role: "img", "aria-label": name }, parts);
}
