"use strict";
// Numbers and elements, written in one way on every page.

const DIGITS = 6;

/** A number with so many significant digits, as Python writes it with "g", but for exponents. */
function significant(value, digits = DIGITS) {
  if (value === null || value === undefined) return "–";
  return String(Number(value.toPrecision(digits)));
}

/** A share in per cent between two bounds: as many digits as both agree on, but no more than tell it from 0 and 100. */
function share(lower, upper) {
  const end = Math.max(Math.min(lower, 1 - upper), 1e-9);
  const most = Math.max(1, Math.ceil(-Math.log10(end)) - 1);
  for (let digits = Math.min(most, 6); digits >= 0; digits--) {
    const [a, b] = [lower, upper].map((x) => (100 * x).toFixed(digits));
    if (a === b && Number(a) > 0 && Number(a) < 100) return `${a} %`;
  }
  const near = (x) => String(Number((100 * x).toPrecision(2)));
  if (lower <= 1e-12) return `< ${near(Math.max(upper, 1e-6))} %`;
  if (upper >= 1 - 1e-12) return `> ${String(Number((100 - Number(near(Math.max(1 - lower, 1e-6)))).toFixed(6)))} %`;
  return `${(100 * lower).toFixed(1)} to ${(100 * upper).toFixed(1)} %`;
}

/** An element with attributes, and children that are elements or texts. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat());
  return made;
}

/** A table with a caption; a cell is a text or an element, the first of a row names it. */
function table(caption, columns, rows, numbers = columns.slice(1)) {
  const kind = (column) => (numbers.includes(column) ? { class: "number" } : {});
  const head = columns.map((c) => element("th", { scope: "col", ...kind(c) }, c));
  const body = rows.map((cells) =>
    element("tr", {}, cells.map((cell, i) =>
      i ? element("td", kind(columns[i]), cell) : element("th", { scope: "row" }, cell))));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption),
      element("thead", {}, element("tr", {}, head)), element("tbody", {}, body)));
}
