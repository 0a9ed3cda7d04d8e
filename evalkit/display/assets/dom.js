// Elements from data. Text of others goes in as textContent only, with what hides or reorders it made visible.
const byId = (id) => document.getElementById(id);

function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child != null && child !== false) node.append(child instanceof Node ? child : visible(child));
  }
  return node;
}

function el(name, attributes = {}, ...children) {
  return put(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return put(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

const HIDDEN = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff" +
    "\\ufff9-\\ufffb]", "g");

function visible(text) {
  return String(text).replaceAll("\r\n", "\n").replace(HIDDEN, (sign) => {
    const code = sign.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

const number = (value) => Math.round(value).toLocaleString("en-US");
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;
const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

function numeral(value) {
  if (value == null) return "–";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(6)));
}

const figureHead = (text) => el("th", { scope: "col", class: "figure" }, text);

function table(header, rows, caption) {
  const head = header.map((cell) => cell instanceof Node ? cell : el("th", { scope: "col" }, cell));
  const lines = rows.map((row) => el("tr", {}, row.map((cell) => cell instanceof Node && cell.matches("td, th")
    ? cell : el("td", {}, cell))));
  return el("table", { "aria-label": caption }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, lines));
}
