// What moves in a figure. It is drawn already, and every figure in words comes from the data of the page.
function scaleOf(drawing, name) {
  const [low, high, kind] = drawing.dataset[name].split(" ");
  const f = kind ? Math.log : (v) => v, g = kind ? Math.exp : (v) => v;
  const from = f(Number(low)), to = f(Number(high));
  return {
    share: (v) => Math.min(1, Math.max(0, (f(v) - from) / (to - from || 1))),
    at: (share) => g(from + share * (to - from)),
  };
}

// The last of ascending values that is not above `v`.
function placeOf(values, v) {
  let low = 0, high = values.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (values[middle] <= v) low = middle; else high = middle - 1;
  }
  return low;
}

// A line across the drawing at a value of one of its axes.
function cursorOf(drawing, name) {
  const line = svg("line", { class: "cursor", x1: "0%", x2: name === "x" ? "0%" : "100%", y1: "0%", y2: name === "x" ? "100%" : "0%" });
  const scale = scaleOf(drawing, name);
  drawing.append(line);
  return (v) => {
    const place = `${100 * (name === "x" ? scale.share(v) : 1 - scale.share(v))}%`;
    for (const end of name === "x" ? ["x1", "x2"] : ["y1", "y2"]) line.setAttribute(end, place);
  };
}

// Where a pointer is along an axis, as a share of it.
function pointedAt(drawing, name, event) {
  const box = drawing.getBoundingClientRect(), style = getComputedStyle(drawing);
  const [left, right, top, bottom] = ["Left", "Right", "Top", "Bottom"].map((side) => parseFloat(style[`padding${side}`]));
  return name === "x" ? (event.clientX - box.left - left) / (box.width - left - right)
    : 1 - (event.clientY - box.top - top) / (box.height - top - bottom);
}

// A slider along one axis, which follows a mouse over the drawing, up to `end`. `say(v)` puts what is true at a value into words; `at` is where it stands first.
function sliderOf(drawing, name, { label, say, at, whole = false, end = Infinity, id = null }) {
  const scale = scaleOf(drawing, name), move = cursorOf(drawing, name), most = scale.share(end);
  const slider = el("input", { type: "range", id, min: 0, max: 1000, value: Math.round(1000 * scale.share(at) / most), "aria-label": label });
  const show = (v) => {
    move(v);
    slider.setAttribute("aria-valuetext", say(v));
  };
  const chosen = () => {
    const v = slider.value === slider.max && end < Infinity ? end : scale.at(most * slider.value / 1000);
    return whole ? Math.round(v) : v;
  };
  slider.addEventListener("input", () => show(chosen()));
  drawing.addEventListener("pointermove", (event) => {  // a finger that moves scrolls the page
    if (event.pointerType === "touch") return;
    const share = pointedAt(drawing, name, event);
    if (share < 0 || share > 1) return;
    slider.value = Math.round(1000 * share / most);
    slider.dispatchEvent(new Event("input"));
  });
  show(at);
  return slider;
}
