"use strict";
// The page of a certificate.

const DATA = JSON.parse(document.getElementById("data").textContent);
const of = (id) => document.getElementById(id);
const named = (name) => (DATA.objectives[name] ? `${name}, ${DATA.objectives[name]}` : name);
const MOST_ROWS = 2000;

/** Points of two objectives; a click says which architecture it is. */
function draw() {
  const [x, y] = [of("across").value, of("up").value];
  const order = DATA.columns[x].map((_, i) => i).sort((a, b) => DATA.columns[x][a] - DATA.columns[x][b]);
  const points = [x, y].map((name) => order.map((i) => DATA.columns[name][i]));
  Charts.scatter(of("chart"), [named(x), named(y)], [{ label: "found", fill: "--first", width: 7, points }], (i) => {
    of("clicked").replaceChildren(element("code", {}, DATA.columns.architecture[order[i]]),
      ` ${named(x)} ${significant(points[0][i])}, ${named(y)} ${significant(points[1][i])}`);
  });
}

function start() {
  const names = Object.keys(DATA.objectives), columns = Object.keys(DATA.columns);
  if (DATA.bins) {
    of("axes").remove();
    Charts.histogram(of("chart"), DATA.metric, DATA.bins.edges, DATA.bins.counts, []);
  } else if (names.length > 1 && columns.length) {
    for (const id of ["across", "up"]) {
      of(id).append(...names.map((name) => element("option", { value: name }, named(name))));
      of(id).addEventListener("change", draw);
    }
    of("across").value = names[1];
    of("up").value = names[0];
    draw();
  } else {
    of("drawn").remove();
  }
  if (columns.length) {
    const rows = DATA.columns.architecture.slice(0, MOST_ROWS).map((text, i) => [element("code", {}, text),
      ...columns.slice(1).map((name) => {
        const value = DATA.columns[name][i];
        return typeof value === "number" ? significant(value) : String(value ?? "–");
      })]);
    const left = DATA.columns.architecture.length - rows.length;
    of("found").append(table(`${DATA.columns.architecture.length} architectures${left > 0 ? `, the first ${MOST_ROWS}` : ""}`, columns, rows));
  } else {
    of("listed").remove();
  }
  of("facts").append(table("the certificate", ["", "said"], DATA.facts.map(([name, text]) => [name, text]), []));
  document.body.dataset.ready = "true";
}

start();
