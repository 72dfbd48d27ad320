"use strict";
// Drawing: tables, maps of cells and lines. Text goes in as text, never as markup.

function put(parent, tag, attributes = {}, text = null) {
  const isSvg = tag === "svg" || parent.namespaceURI === "http://www.w3.org/2000/svg";
  const made = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

const at = (id) => document.getElementById(id);
const number = (value, digits = 4) =>
  value === null ? "none" : value.toLocaleString("en", { maximumSignificantDigits: digits });
const percent = (share) => (share === null ? "none" : `${(100 * share).toFixed(share < 1 && share > 0.995 ? 2 : 1)}%`);
const moment = (text) => (text ? text.slice(0, 16).replace("T", " ") : "never");
const distinct = (values) => [...new Set(values)];

function options(id, values, chosen, change) {
  const select = at(id);
  for (const [value, label] of values) put(select, "option", { value }, label);
  select.value = chosen;
  select.addEventListener("change", () => change(select.value));
}

// columns: [title, value of a row, is it a number, class of the cell]
function table(parent, rows, columns, none) {
  parent.replaceChildren();
  if (!rows.length) { put(parent, "p", { class: "none" }, none); return; }
  const made = put(put(parent, "div", { class: "scroll" }), "table", { class: "stack" });
  const head = put(put(made, "thead"), "tr");
  for (const [title, , isNumber] of columns) put(head, "th", { class: isNumber ? "number" : "", scope: "col" }, title);
  const body = put(made, "tbody");
  for (const row of rows) {
    const line = put(body, "tr");
    for (const [title, value, isNumber, kind] of columns) {
      put(line, "td", { class: `${isNumber ? "number" : ""} ${kind ? kind(row) : ""}`, "data-name": title }, value(row) ?? "");
    }
  }
}

// cells: rows x columns of {share, label, finding, gap} or undefined where nothing is known
function heatmap(parent, names, days, cells, told, chosen = null, choose = null) {
  parent.replaceChildren();
  const left = 12 + 6.4 * Math.max(...names.map((name) => name.length)), top = 18;
  const size = Math.max(16, Math.min(30, Math.floor((parent.clientWidth - left) / days.length)));
  const width = left + size * days.length, height = top + size * names.length;
  const svg = put(parent, "svg", { width, height, role: "img", "aria-label": `${names.length} rows by ${days.length} days` });
  const step = Math.max(1, Math.ceil(80 / size));
  days.forEach((day, x) => {
    if (x % step === 0 && x + step / 2 < days.length) put(svg, "text", { x: left + size * x, y: 12 }, day.slice(5));
  });
  names.forEach((name, y) => {
    const label = put(svg, "text", { x: left - 6, y: top + size * y + size / 2 + 3, "text-anchor": "end", class: name === chosen ? "chosen" : "" }, name);
    if (choose) { label.dataset.row = name; label.addEventListener("click", () => choose(name)); }
    days.forEach((day, x) => {
      const cell = cells[y][x];
      const box = { x: left + size * x, y: top + size * y, width: size - 2, height: size - 2, rx: 2 };
      put(svg, "rect", { ...box, class: "empty" });
      if (!cell) return;
      const drawn = put(svg, "rect", {
        ...box, class: `cell${cell.gap ? " gap" : ""}${cell.finding ? " finding" : ""}`,
        "fill-opacity": cell.share === 0 ? 0 : 0.12 + 0.88 * cell.share,
      });
      put(drawn, "title", {}, cell.label);
      drawn.addEventListener("pointerenter", () => { told.textContent = cell.label; });
      if (choose) { drawn.dataset.row = name; drawn.addEventListener("click", () => choose(name)); }
    });
  });
}

// A line with breaks where values are missing. x and y map to pixels.
function path(xs, ys, x, y) {
  let text = "", open = false;
  ys.forEach((value, i) => {
    if (value === null || (i > 0 && xs[i] - xs[i - 1] > 1)) open = false;
    if (value === null) return;
    text += `${open ? "L" : "M"}${x(xs[i]).toFixed(1)} ${y(value).toFixed(1)}`;
    open = true;
  });
  return text;
}

function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}
