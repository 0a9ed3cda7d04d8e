// Colours for Python code: a small scanner that never fails, whatever it is given.
const WORDS = new Set(("and as assert async await break case class continue def del elif else except finally for from " +
  "global if import in is lambda match nonlocal not or pass raise return try while with yield True False None").split(" "));
const TOKENS = new RegExp([
  "(?<comment>#[^\\n]*)",
  "(?<string>[rbfuRBFU]{0,2}(?:\"\"\"[^]*?(?:\"\"\"|$)|'''[^]*?(?:'''|$)|\"(?:\\\\.|[^\"\\\\\\n])*\"?|'(?:\\\\.|[^'\\\\\\n])*'?))",
  "(?<number>\\b[0-9][\\w.]*)",
  "(?<called>[A-Za-z_]\\w*(?=\\())",
  "(?<word>[A-Za-z_]\\w*)",
].join("|"), "g");
const COLOURED = 60000;  // characters: beyond, colours cost more time than they give

function python(code) {
  const fragment = document.createDocumentFragment();
  if (code.length > COLOURED) {
    fragment.append(visible(code));
    return fragment;
  }
  let done = 0;
  for (const found of code.matchAll(TOKENS)) {
    const text = found[0];
    const kind = Object.keys(found.groups).find((name) => found.groups[name] !== undefined);
    const style = kind === "called" || kind === "word"
      ? (WORDS.has(text) ? "word" : kind === "called" ? "name" : "") : kind;
    if (!style) continue;
    fragment.append(visible(code.slice(done, found.index)), el("span", { class: `k-${style}` }, text));
    done = found.index + text.length;
  }
  fragment.append(visible(code.slice(done)));
  return fragment;
}

const looksLikePython = (text) => /^\s*(def|import|from|class|for|print|@|async|with)\b/m.test(text) && text.includes("\n")
  || /^\s*(import|print\()/.test(text);
