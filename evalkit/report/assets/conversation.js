// One run: why it ended as it did, how it spent its tokens, and everything that was said.
const SHOWN = 20000;  // characters of one text that are shown at once
const LONG_PROMPT = 1500;  // characters from which a prompt is folded, so that the conversation is in sight
const MANY = 40;  // turns from which a browser draws only those in sight

async function unpack(run) {
  if (document.readyState === "loading") {  // conversations stand at the end of the file
    await new Promise((done) => addEventListener("DOMContentLoaded", done, { once: true }));
  }
  const holder = byId(`talk-${run}`);
  if (!holder) return null;
  const bytes = Uint8Array.from(atob(holder.textContent), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

// A bar of the turns, each as long as its output, and the limit across it.
function spending(turns, limit) {
  const total = turns.reduce((sum, turn) => sum + turn.tokens, 0), top = Math.max(limit || 0, total, 1);
  const said = `${counted(total, "output token")} in ${counted(turns.length, "turn")}` +
    (limit ? `, limit ${number(limit)}` : "");
  const parts = turns.map((turn, i) => {
    const part = el("span", { class: turn.cut ? "cut" : i % 2 ? "odd" : "", title: `Turn ${i + 1}: ${counted(turn.tokens, "token")}` });
    part.style.width = `${100 * turn.tokens / top}%`;
    return part;
  });
  const end = limit && el("i", {});
  if (end) end.style.left = `${100 * limit / top}%`;
  return el("figure", {}, el("div", { class: "spent", role: "img", "aria-label": said }, parts, end), el("figcaption", {}, said));
}

function drawRun(facts, run, talk) {
  const parts = [
    el("h2", {}, `${run.name || `Run ${run.run}`}: `, el("span", { class: run.outcome }, MARKS[run.outcome])),
    el("p", { class: "message" }, observation(run)),
    run.leaked && el("p", { class: "note" }, "The grader's secrets leaked into this conversation: its grade proves nothing."),
    checks(run),
  ];
  if (!talk) {
    const where = run.name ? "`python -m evalkit show DIR PROBLEM TRY` shows it"
      : `it is in rollouts/${String(run.run).padStart(4, "0")}.jsonl`;
    return [...parts, el("p", { class: "note" }, `This conversation did not fit the page; ${where}.`)];
  }
  const { turns } = talk;
  parts.push(turns.length > 0 && spending(turns, facts.limits.tokens));
  parts.push(talk.detail && el("p", { class: "note" }, talk.detail));
  if (run.outcome === "failed") parts.push(diagnosis(talk.measured?.values?.diagnosis));
  parts.push(submitted(talk));
  parts.push(el("h2", {}, "Conversation"));
  if (facts.shared[talk.system]) parts.push(folded("System prompt", prose(facts.shared[talk.system])));
  parts.push(folded("Prompt", prose(facts.shared[talk.prompt]), facts.shared[talk.prompt].length < LONG_PROMPT));
  const tools = facts.shared[talk.tools];
  if (tools.length) parts.push(folded(`Tools: ${tools.map((tool) => tool.name).join(", ")}`, json(tools)));
  byId("run").classList.toggle("many", turns.length > MANY);
  let spent = 0;
  turns.forEach((turn, i) => {
    spent += turn.tokens;
    parts.push(drawTurn(facts, turn, i + 1, spent, i === turns.length - 1 && run.ending === "token_limit"));
  });
  return parts;
}

function checks(run) {
  if (!run.checks.length && run.tool_errors === 0) return null;
  const rows = run.checks.map((check) => [
    check.name,
    el("td", { class: check.passed ? "brief passed" : "brief failed" }, check.passed ? "✓ passed" : "✗ failed"),
    el("td", { class: "figure" }, numeral(check.value)), el("td", { class: "figure" }, numeral(check.bound)),
    ...run.checks.every((one) => one.required) ? [] : [check.required ? "" : "reported only"],
  ]);
  const header = ["Check", "Verdict", figureHead("Value"), figureHead("Bound")];
  return el("div", {},
    rows.length > 0 && el("div", { class: "wide" },
      table(rows[0].length > header.length ? [...header, ""] : header, rows, "Checks of the grader")),
    run.tool_errors > 0 && el("p", { class: "error" }, `${counted(run.tool_errors, "tool call")} answered with an error`));
}

function diagnosis(found) {  // a task's own finding about what went wrong: text, or named parts of it
  if (found === undefined || found === null) return null;
  const content = typeof found === "object" && !Array.isArray(found)
    ? table(["Name", "Value"], Object.entries(found).map(([name, value]) => named(name, value)), "Diagnosis") : prose(String(found));
  return el("section", { class: "outcome-box", "aria-label": "Diagnosis" }, el("h3", {}, "Diagnosis"),
    el("div", { class: "block wide" }, content));
}

const named = (name, value) => [el("th", { scope: "row" }, name),
  typeof value === "object" && value !== null ? json(value) : numeral(value)];

function submitted(talk) {
  if (!talk.submission && !talk.measured) return null;
  const values = Object.entries(talk.measured?.values || {}).filter(([name]) => !["reference", "diagnosis"].includes(name));
  const reference = talk.measured?.values?.reference;
  const answer = talk.submission?.answer;
  const wide = typeof answer === "string" && answer.includes("\n") && reference === undefined;  // a program needs room
  return el("div", { class: wide ? "" : "columns" },
    talk.submission && el("section", { class: "outcome-box", "aria-label": "Submission" },
      el("h3", {}, "Submission"), el("div", { class: "block" }, code(talk.submission.answer))),
    reference !== undefined && el("section", { class: "outcome-box", "aria-label": "Reference" },
      el("h3", {}, "Reference"), el("div", { class: "block" }, code(reference))),
    values.length > 0 && el("section", { class: "outcome-box", "aria-label": "Measurement" },
      el("h3", {}, "What the grader measured"),
      el("div", { class: "wide" }, table(["Name", "Value"],
        values.map(([name, value]) => named(name, value)), "Measurement"))));
}

function drawTurn(facts, turn, step, spent, last) {
  const limit = facts.limits.tokens;
  const of = limit ? `${number(spent)} of ${number(limit)}` : `${number(spent)} so far`;
  const ended = turn.cut || (last && turn.stop === "max_tokens");
  const node = el("article", { class: ended ? "turn cut" : "turn", "aria-label": `Turn ${step}` },
    el("header", {}, el("h3", {}, `Turn ${step}`), el("span", {}, counted(turn.tokens, "output token")),
      el("span", { class: "muted" }, of), el("span", { class: "muted" }, `stop reason: ${turn.stop ?? "unknown"}`)),
    turn.said.map((block) => said(block)),
    ended && el("div", { class: "budget-line" }, turn.cut
      ? `The budget ended in this response: ${number(turn.tokens)} of its ${number(turn.written)} tokens were inside. ` +
        "What it called did not happen." : "The budget ended here."),
    (turn.reply || []).map((block) => answered(block)));
  return node;
}

function block(kind, who, ...content) {
  return el("div", { class: `block ${kind}` }, el("div", { class: "who" }, who), ...content);
}

function said(item) {
  switch (item.type) {
    case "text": return block("said", "Model", prose(item.text ?? ""));
    case "thinking": return block("thinking", "Model, thinking", prose(item.thinking ?? ""));
    case "tool_use": return block("call", `Calls ${item.name}`, argumentsOf(item.input));
    default: return block("said", `(${item.type})`, json(item));
  }
}

function argumentsOf(input) {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return json(input);
  const entries = Object.entries(input);
  if (entries.length === 1) return code(entries[0][1]);
  return el("div", {}, entries.map(([name, value]) => [el("div", { class: "muted" }, name), code(value)]));
}

function answered(item) {
  if (item.type !== "tool_result") return block("reply", "Answer", item.type === "text" ? prose(item.text ?? "") : json(item));
  const content = Array.isArray(item.content)
    ? item.content.map((part) => part.text ?? `(${part.type})`).join("\n") : String(item.content ?? "");
  const who = item.is_error ? el("span", { class: "failed" }, "Tool answers with an error") : "Tool answers";
  return block("reply", who, ...results(content));
}

function results(content) {
  let value = null;
  try { value = content.startsWith("{") ? JSON.parse(content) : null; } catch { /* it is text */ }
  const keys = value && Object.keys(value).sort().join();
  if (keys !== "error,result") return [long(content)];
  return [
    value.result != null && value.result !== "" && long(typeof value.result === "string" ? value.result : JSON.stringify(value.result)),
    value.error != null && el("div", { class: "failed" }, long(String(value.error))),
    !value.error && !value.result && el("p", { class: "muted" }, "(printed nothing)"),
  ];
}

function prose(text) {
  return long(text, (words) => el("div", { class: "text" }, words));
}

function code(value) {
  if (typeof value === "string") {
    const isPython = looksLikePython(value);
    return long(value, (text) => el("pre", { class: "code" }, isPython ? python(text) : text));
  }
  return json(value);
}

function json(value) {
  const small = JSON.stringify(value);
  const text = small !== undefined && small.length <= 100 ? small : matrices(JSON.stringify(value, null, 2) ?? String(value));
  return long(text, (words) => el("pre", { class: "code" }, words));
}

const matrices = (text) => text.replace(/\[\s+([-\d.eE+,\s"naif]*?)\s+\]/g, (_, row) => `[${row.replace(/\s+/g, " ")}]`);

function long(text, wrap = (words) => el("pre", {}, words)) {
  if (text.length <= SHOWN) return wrap(text);
  const holder = el("div", {}, wrap(text.slice(0, SHOWN)));
  holder.append(el("button", { type: "button", click: () => holder.replaceChildren(wrap(text)) },
    `Show all ${counted(text.length, "character")}`));
  return holder;
}

function folded(title, content, open = false) {
  return el("details", { class: "prompt", open }, el("summary", {}, title), el("div", { class: "block" }, content));
}
