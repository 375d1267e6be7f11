"use strict";
// The explorer of a benchmark: one architecture, those it is compared with, fronts, neighbours and the space.

const DATA = JSON.parse(document.getElementById("data").textContent);
const MOST_PINNED = 4, MOST_SHOWN = 12;
const of = (id) => document.getElementById(id);
const metricOf = (name) => DATA.metrics.find((m) => m.name === name);
const positionOf = (name) => DATA.metrics.findIndex((m) => m.name === name);
const sign = (metric) => (metric.direction === "maximise" ? 1 : -1);
const unitOf = (metric) => (metric.unit ? `${metric.name}, ${metric.unit}` : metric.name);

let distributions = {};
const state = { core: null, loaded: [], current: null, pinned: [], budgets: new Map(), fronts: new Map(), seed: 1 };

/** What metrics say of an architecture that a question names; only metrics that are loaded. */
function look(question) {
  const found = state.core.ask(question);
  const architecture = { row: found.rows[0], text: found.texts[0], index: found.indices[0], values: {}, deviations: {} };
  state.loaded.forEach((name, i) => {
    architecture.values[name] = found.values[i][0];
    architecture.deviations[name] = found.deviations[i] && found.deviations[i][0];
  });
  return architecture;
}

const isLoaded = () => state.loaded.length === DATA.metrics.length;

/** Shows an architecture, or says what is wrong with what was asked. */
function choose(question, isTyped = false) {
  try {
    state.current = look(question);
    of("error").textContent = "";
  } catch (error) {
    of("error").textContent = error.message;
    return;
  }
  show(isTyped);
}

function show(isTyped = false) {
  const { row, text } = state.current;
  if (!isTyped) of("text").value = text;
  row.forEach((choice, v) => {
    const select = of(`variable-${v}`);
    if (select) select.value = String(choice);
  });
  showMetrics();
  showFront();
  showNeighbours();
  showDistribution();
  of("said").textContent = `${DATA.primary} ${significant(state.current.values[DATA.primary])}`;
}

// --- the architecture ------------------------------------------------------------------------------------------------

function makeVariables() {
  const symbols = [...new Set(DATA.blocks.flatMap((block) => block.variables.map((v) => v.symbol)))];
  const isGrid = symbols.length <= 8 && DATA.blocks.length > 1 && DATA.blocks.every((block) =>
    new Set(block.variables.map((v) => v.symbol)).size === block.variables.length);
  const picker = ({ name, position, states }) => element("select",
    { id: `variable-${position}`, "aria-label": name, onchange: changed },
    states.map((label, i) => element("option", { value: i }, label)));
  if (isGrid) {
    const rows = DATA.blocks.map((block) => [block.name, ...symbols.map((symbol) => {
      const variable = block.variables.find((v) => v.symbol === symbol);
      return variable ? picker(variable) : "";
    })]);
    of("variables").append(table("choices of every block", ["block", ...symbols], rows, []));
    return;
  }
  const rows = DATA.blocks.flatMap((block) => block.variables.map((v) => [v.name, picker(v)]));
  of("variables").append(table("choices of every variable", ["variable", "choice"], rows, []));
}

function changed(event) {
  const row = [...state.current.row];
  row[Number(event.target.id.split("-")[1])] = Number(event.target.value);
  choose({ choices: row });
  if (of("error").textContent) event.target.value = String(state.current.row[Number(event.target.id.split("-")[1])]);
}

/** What the button of a form copies. */
function spelled(form) {
  const { text, row } = state.current;
  if (form === "Python") {
    return `import accelnas\n\nbench = accelnas.load(${DATA.load})\nprint(bench.predict(${JSON.stringify(text)}, return_std=True, dtype="float64"))\n`;
  }
  if (form === "index") return state.current.index;
  if (form === "block strings") {
    const [strings, places] = [DATA.strings.states, DATA.strings.variables];
    return JSON.stringify(places.map((variables, block) => [strings[block][variables.map((v) => row[v]).join()]]));
  }
  return text;
}

async function copy(form) {
  const text = spelled(form);
  of("copied").textContent = text;
  of("said").textContent = await copied(text) ? `copied as ${form}` : `${form}: select the text below`;
}

// --- metrics ---------------------------------------------------------------------------------------------------------

/** Bounds of the share of the space that is not better than a value, by the counts of its bins. */
function percentile(name, value) {
  const found = distributions[name];
  if (!found || value === null || value === undefined) return null;
  const { edges, counts } = found;
  const total = counts.reduce((sum, count) => sum + count, 0);
  let bin = 0;
  while (bin < counts.length - 1 && edges[bin + 1] <= value) bin++;
  const below = counts.slice(0, bin).reduce((sum, count) => sum + count, 0), own = counts[bin];
  const isUp = metricOf(name).direction === "maximise";
  const lower = isUp ? below : total - below - own;
  return [lower / total, (lower + own) / total];
}

function measured(architecture, name) {
  const [value, deviation] = [architecture.values[name], architecture.deviations[name]];
  const spread = deviation === null || deviation === undefined ? "" : ` ± ${significant(deviation, 2)}`;
  return significant(value) + spread;
}

function showMetrics() {
  const others = state.pinned;
  const columns = ["metric", "prediction", "not better, % of space", ...others.map((_, i) => `pinned ${i + 1}`)];
  const rows = state.loaded.map((name) => {
    const metric = metricOf(name), bounds = percentile(name, state.current.values[name]);
    const than = (other) => {
      const better = sign(metric) * (other.values[name] - state.current.values[name]) > 0;
      return element("span", better ? { class: "better", title: "better" } : {}, measured(other, name), better ? " ▲" : "");
    };
    return [
      element("span", { title: metric.description }, `${metric.name} ${metric.unit ? `(${metric.unit}) ` : ""}`,
        element("span", { class: "quiet" }, metric.direction === "maximise" ? "↑" : "↓")),
      element("span", { "data-metric": name }, measured(state.current, name)),
      bounds ? share(...bounds) : "–", ...others.map(than),
    ];
  });
  of("metrics").replaceChildren(table("predictions, ± the standard deviation of a measurement", columns, rows));
  const list = others.map((other, i) => element("li", {}, element("code", {}, other.text), " ",
    element("button", { type: "button", onclick: () => choose({ text: other.text }) }, "show"), " ",
    element("button", { type: "button", onclick: () => { state.pinned.splice(i, 1); showMetrics(); } }, "unpin")));
  of("pinned").replaceChildren(...list);
}

function pin() {
  if (state.pinned.some((other) => other.text === state.current.text)) return;
  state.pinned = [...state.pinned, state.current].slice(-MOST_PINNED);
  showMetrics();
  showFront();
}

// --- the front -------------------------------------------------------------------------------------------------------

function makeFront() {
  const names = Object.keys(DATA.fronts);
  of("absent").textContent = Object.entries(DATA.absent).map(([name, reason]) => `No front of ${name}: ${reason}.`).join(" ");
  if (!names.length) return of("front").remove();
  of("device").append(...names.map((name) => element("option", { value: name }, unitOf(metricOf(name)))));
  of("device").addEventListener("change", () => { state.budgets.clear(); makeBudgets(); showFront(); });
  of("budget").append(element("option", { value: "" }, "add a budget"),
    ...DATA.metrics.map((m) => element("option", { value: m.name }, m.name)));
  of("budget").addEventListener("change", (event) => {
    if (event.target.value) makeBudget(event.target.value);
    event.target.value = "";
  });
}

/** The front that is chosen: strings, and a column of values a metric, predicted once. */
function front() {
  const name = of("device").value;
  if (!state.fronts.has(name)) {
    const texts = DATA.fronts[name];
    state.fronts.set(name, { texts, values: state.core.ask({ texts }).values });
  }
  return state.fronts.get(name);
}

function makeBudgets() {
  of("budgets").replaceChildren();
  [of("device").value, DATA.primary].forEach(makeBudget);
}

/** A slider over the values of the front's points: those that are worse are left out. */
function makeBudget(name) {
  if (state.budgets.has(name)) return;
  const metric = metricOf(name), isUp = metric.direction === "maximise";
  const values = [...new Set(front().values[positionOf(name)])].filter((v) => v !== null).sort((a, b) => sign(metric) * (a - b));
  if (!values.length) return;
  state.budgets.set(name, isUp ? -Infinity : Infinity);
  const said = element("output", { for: `slider-${name}` }, "any");
  const slider = element("input", { type: "range", id: `slider-${name}`, min: 0, max: values.length - 1, value: 0, step: 1,
    "aria-label": `budget of ${name}`, oninput: () => {
      const value = values[Number(slider.value)];
      state.budgets.set(name, Number(slider.value) ? value : isUp ? -Infinity : Infinity);
      said.textContent = Number(slider.value) ? `${isUp ? "≥" : "≤"} ${significant(value)} ${metric.unit}` : "any";
      slider.setAttribute("aria-valuetext", said.textContent);
      showFront();
    } });
  of("budgets").append(element("div", { class: "row" }, element("label", { for: `slider-${name}` }, name), slider, said));
}

const isWithin = (point) => [...state.budgets].every(([name, limit]) => {
  const value = front().values[positionOf(name)][point];
  return value !== null && sign(metricOf(name)) * (value - limit) >= 0;
});

function showFront() {
  if (!of("front") || !isLoaded()) return;
  const { values, texts } = front(), [x, y] = [of("device").value, DATA.primary];
  const column = (name) => values[positionOf(name)];
  const all = texts.map((_, i) => i), within = all.filter(isWithin), out = all.filter((i) => !isWithin(i));
  const points = (chosen) => {
    const sorted = [...chosen].sort((a, b) => column(x)[a] - column(x)[b]);
    return { order: sorted, points: [sorted.map((i) => column(x)[i]), sorted.map((i) => column(y)[i])] };
  };
  const own = (architecture) => [[architecture.values[x]], [architecture.values[y]]];
  const kept = points(within);
  const layers = [
    { label: "front", fill: "--first", width: 6, points: kept.points },
    { label: "beyond a budget", fill: "--line", width: 5, points: points(out).points },
    { label: "pinned", fill: "--third", width: 9, points: uPlot.join(state.pinned.length ? state.pinned.map(own) : [[[], []]]).slice(0, 2) },
    { label: "this architecture", fill: "--second", width: 11, points: own(state.current) },
    ...DATA.landmarks.map(({ values: known, name }) => ({ label: name, fill: "--good", width: 9, points: [[known[x]], [known[y]]] })),
  ];
  if (state.pinned.length > 1) {
    const sorted = [...state.pinned].sort((a, b) => a.values[x] - b.values[x]);
    layers[2].points = [sorted.map((a) => a.values[x]), sorted.map((a) => a.values[y])];
  }
  layers[0].onPoint = (i) => choose({ text: texts[kept.order[i]] });
  Charts.scatter(of("front-chart"), [unitOf(metricOf(x)), unitOf(metricOf(y))], layers);
  const [mx, my] = [metricOf(x), metricOf(y)];
  const reach = all.filter((i) => sign(mx) * (column(x)[i] - state.current.values[x]) >= 0);
  const best = Math.max(...reach.map((i) => sign(my) * column(y)[i]));
  const gap = best - sign(my) * state.current.values[y];
  // of equal ones in y, the best in x
  const equal = reach.filter((i) => sign(my) * (column(y)[i] - state.current.values[y]) >= 0);
  const saved = Math.max(...equal.map((i) => sign(mx) * (column(x)[i] - state.current.values[x])));
  of("place").textContent = !reach.length ? "" : gap <= 0 && saved <= 0 ? "This architecture is on the front."
    : gap <= 0 ? `The front has ${significant(saved, 3)} ${mx.unit} ${mx.direction === "maximise" ? "more" : "less"} ${x} where ${y} is as good.`
    : `The front has ${significant(gap, 3)} ${my.unit} ${my.direction === "maximise" ? "more" : "less"} ${y} where ${x} is as good.`;
  const sorted = [...within].sort((a, b) => sign(my) * (column(y)[b] - column(y)[a]));
  of("kept").textContent = `${within.length} of ${texts.length} points are within the budgets.`;
  of("points").replaceChildren(table(`best by ${y} within the budgets`, ["architecture", y, x, ""],
    sorted.slice(0, MOST_SHOWN).map((i) => [element("code", {}, texts[i]), significant(column(y)[i]), significant(column(x)[i]),
      element("button", { type: "button", "aria-label": `show ${texts[i]}`, onclick: () => choose({ text: texts[i] }) }, "show")]), [y, x]));
}

// --- neighbours and the space ----------------------------------------------------------------------------------------

function showNeighbours() {
  const name = of("improve").value, position = state.loaded.indexOf(name), metric = metricOf(name);
  if (position < 0) return;
  const found = state.core.ask({ neighbours: state.current.row });
  const primary = state.loaded.indexOf(DATA.primary);
  const gains = found.values[position].map((value, i) => ({ i, gain: sign(metric) * (value - state.current.values[name]) }))
    .filter(({ gain }) => gain > 0).sort((a, b) => b.gain - a.gain);
  const changes = (row) => row.flatMap((choice, v) => choice === state.current.row[v] ? []
    : [`${DATA.variables[v].name}: ${DATA.variables[v].states[state.current.row[v]]} → ${DATA.variables[v].states[choice]}`]).join(", ");
  const others = name === DATA.primary ? [] : [DATA.primary];
  const rows = gains.slice(0, MOST_SHOWN).map(({ i }) => [changes(found.rows[i]), significant(found.values[position][i]),
    ...others.map(() => significant(found.values[primary][i])),
    element("button", { type: "button", "aria-label": `show ${changes(found.rows[i])}`, onclick: () => choose({ choices: found.rows[i] }) }, "show")]);
  const said = `${gains.length || "none"} of ${found.rows.length} neighbours improve${gains.length === 1 ? "s" : ""} ${name}`;
  of("neighbours").replaceChildren(rows.length ? table(said, ["change", name, ...others, ""], rows, [name, ...others]) : element("p", {}, `${said}.`));
}

function showDistribution() {
  const name = of("distributed").value, found = distributions[name];
  if (!found) return;
  const joined = Math.max(1, Math.ceil(found.counts.length / 128)), counts = [], edges = [found.edges[0]];
  for (let i = 0; i < found.counts.length; i += joined) {
    counts.push(found.counts.slice(i, i + joined).reduce((sum, count) => sum + count, 0));
    edges.push(found.edges[Math.min(i + joined, found.counts.length)]);
  }
  const marks = [{ value: state.current.values[name], fill: "--second" }, ...state.pinned.map((p) => ({ value: p.values[name], fill: "--third" }))];
  Charts.histogram(of("distribution"), unitOf(metricOf(name)), edges, counts, marks);
  of("source").textContent = found.exact ? "Counts of all architectures." : `Estimated from ${found.samples.toLocaleString("en")} random architectures.`;
  const parts = DATA.importances[name] || [], most = Math.max(...parts.map((p) => p.total), 1e-12);
  of("importances").replaceChildren(...(parts.length ? [table(
    "which variables decide it: shares of the variance", ["variable", "alone, %", "with interactions, %", ""],
    parts.slice(0, MOST_SHOWN).map((p) => [p.name, (100 * p.first).toFixed(1), (100 * p.total).toFixed(1),
      element("span", { class: "bar", style: `width:${Math.round((90 * p.total) / most)}px`, "aria-hidden": "true" })]),
    ["alone, %", "with interactions, %"])] : []));
}

// --- start -----------------------------------------------------------------------------------------------------------

async function start() {
  makeVariables();
  makeFront();
  for (const id of ["improve", "distributed"]) of(id).append(...DATA.metrics.map((m) => element("option", { value: m.name }, m.name)));
  of("improve").addEventListener("change", showNeighbours);
  of("distributed").addEventListener("change", showDistribution);
  of("text").addEventListener("change", (event) => choose({ text: event.target.value }));
  of("random").addEventListener("click", () => choose({ seed: state.seed++ }));
  of("pin").addEventListener("click", pin);
  const forms = ["Python", "string", "index", ...(DATA.strings ? ["block strings"] : [])];
  of("copies").append("copy as", ...forms.map((form) => element("button", { type: "button", onclick: () => copy(form) }, form)));
  distributions = await Engine.jsonOf("distributions");
  state.core = await Engine.start(DATA.toml);
  for (const metric of DATA.metrics) {
    state.core.add(metric, await Engine.bytesOf(`metric-${metric.name}`));
    state.loaded.push(metric.name);
    if (state.loaded.length > 1) continue;
    choose({ text: DATA.start }); // something to look at while the others load
    await new Promise((resolve) => setTimeout(resolve));
  }
  if (of("front")) makeBudgets();
  choose({ text: state.current.text });
  document.body.dataset.ready = "true";
}

start().catch((error) => { of("error").textContent = `The page can't start: ${error.message}`; });
