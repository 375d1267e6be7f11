"use strict";
// Tables that readers sort: a button in each head of a column; what is missing stays last.

/** Makes a table sortable; `memory` keeps the chosen column and direction over tables that are made anew. */
function sortable(table, memory = {}) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const text = (cell.dataset.value ?? cell.textContent).trim().replace(/(\d),(?=\d{3})/g, "$1");
    const number = /^[+\-−]?[\d.]/.test(text) ? parseFloat(text.replace("−", "-")) : NaN;
    return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
  };
  const before = (a, b) => {
    if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b, "en");
    return typeof a === "number" ? -1 : 1;
  };
  const order = () => {
    const { column, isDown } = memory;
    heads.forEach((head, i) => (i === column ? head.setAttribute("aria-sort", isDown ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
    const keyed = [...body.rows].map((row) => ({ row, value: valueOf(row, column) }));
    keyed.sort((a, b) => (a.value === null) - (b.value === null) || (a.value === null ? 0 : (isDown ? -1 : 1) * before(a.value, b.value)));
    body.append(...keyed.map(({ row }) => row));
  };
  heads.forEach((head, column) => {
    if (!head.textContent.trim() || head.dataset.unsorted !== undefined) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      memory.isDown = memory.column === column && !memory.isDown;
      memory.column = column;
      order();
    });
    head.append(button);
  });
  if (memory.column !== undefined && memory.column < heads.length) order();
  return table;
}

document.querySelectorAll("table.sortable").forEach((table) => sortable(table));
