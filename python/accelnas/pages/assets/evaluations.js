"use strict";
// The page of an evaluation: one figure of all metrics, and all figures of one.

const DATA = JSON.parse(document.getElementById("data").textContent);
const of = (id) => document.getElementById(id);
const state = { run: DATA.runs[0], figure: Object.keys(DATA.figures)[0], metric: Object.keys(DATA.metrics)[0], hidden: new Set(), sorted: { overview: {}, details: {} } };
const numberOf = (name) => DATA.settings.indexOf(name);
const chosen = () => DATA.settings.filter((name) => !state.hidden.has(name));
const isShown = (one) => !state.hidden.has(one.settings);
const ofMetric = (ones) => ones.filter((one) => one.metric === state.metric && isShown(one));
const unitOf = (metric) => (DATA.metrics[metric] ? `${metric} [${DATA.metrics[metric]}]` : metric);
const swatch = (name) => element("span", { class: "swatch", "aria-hidden": "true", style: `border-top-color:var(${Charts.seriesColour(numberOf(name))})` });
const named = (name) => element("span", { class: "named" }, swatch(name), " ", name);
const WITH_UNIT = ["mae", "rmse", "regret", "noise", "ceiling_mae"];

/** A mean, and its standard deviation over parts where there are several. */
function figured(row, key) {
  if (!row || row.means[key] === undefined) return "–";
  const spread = row.deviations[key];
  return significant(row.means[key]) + (spread === undefined || spread === null || key === "seconds" ? "" : ` ± ${significant(spread, 2)}`);
}

// --- tables ----------------------------------------------------------------------------------------------------------

function showOverview() {
  const { label, good } = DATA.figures[state.figure], names = chosen();
  const rows = Object.keys(DATA.metrics).map((metric) => {
    const found = names.map((name) => DATA.rows.find((row) => row.metric === metric && row.settings === name && row.run === state.run));
    const values = found.map((row) => (row && row.means[state.figure] !== undefined ? row.means[state.figure] : null));
    const known = values.filter((v) => v !== null);
    const best = good === "more" ? Math.max(...known) : good === "less" ? Math.min(...known) : null;
    const isBest = (i) => known.length > 1 && best !== null && values[i] === best;
    return [WITH_UNIT.includes(state.figure) ? unitOf(metric) : metric,
      ...found.map((row, i) => element("span", isBest(i) ? { class: "better", title: "the best" } : {}, figured(row, state.figure), isBest(i) ? " ▲" : ""))];
  }).filter((cells) => cells.slice(1).some((cell) => cell.textContent !== "–"));
  const made = table(`${label}, ${state.run}`, ["metric", ...names], rows);
  sortable(made.querySelector("table"), state.sorted.overview);
  of("overview").replaceChildren(made);
}

function showDetails() {
  const rows = ofMetric(DATA.rows).filter((row) => row.run === state.run);
  const keys = Object.keys(DATA.figures).filter((key) => rows.some((row) => row.means[key] !== undefined));
  const labels = keys.map((key) => DATA.figures[key].label);
  const made = table(`${unitOf(state.metric)}, ${state.run}`, ["settings", "family", ...labels],
    rows.map((row) => [named(row.settings), row.family, ...keys.map((key) => figured(row, key))]), labels);
  sortable(made.querySelector("table"), state.sorted.details);
  of("details").replaceChildren(made);
}

// --- charts ----------------------------------------------------------------------------------------------------------

function drawPairs() {
  const found = ofMetric(DATA.predictions).filter(({ measured }) => measured.length);
  of("predicted").hidden = !found.length;
  of("calibrated").className = found.length ? "" : "wide";
  if (!found.length) return;
  const layers = found.map(({ settings, measured, predicted }) => {
    const order = predicted.map((_, i) => i).sort((a, b) => predicted[a] - predicted[b]);
    return { label: settings, fill: Charts.seriesColour(numberOf(settings)), width: 4, points: [order.map((i) => predicted[i]), order.map((i) => measured[i])] };
  });
  of("pairs").setAttribute("aria-label", `measured against predicted ${unitOf(state.metric)} of ${found.map((one) => `${one.settings}, ${one.measured.length} rows`).join("; ")}`);
  const unit = DATA.metrics[state.metric] ? ` [${DATA.metrics[state.metric]}]` : "";
  Charts.pairs(of("pairs"), [`predicted${unit}`, `measured${unit}`], layers);
}

function drawCalibration() {
  const found = ofMetric(DATA.coverage);
  of("calibrated").hidden = !found.length;
  of("predicted").className = found.length ? "" : "wide";
  if (!found.length) return;
  const drawn = found.map(({ settings, inside }) => ({ label: settings, number: numberOf(settings), values: inside.map((v) => 100 * v) }));
  const say = (i) => {
    of("read-calibration").textContent = i === null || i === undefined ? "Measurements inside conformal intervals; the line is where as many are as should be."
      : `intervals of ${DATA.levels[i]} %: ${drawn.map(({ label, values }) => `${label} ${significant(values[i], 4)} %`).join(", ")}`;
  };
  say(null);
  of("calibration").setAttribute("aria-label", `measurements inside intervals of ${unitOf(state.metric)} by their level; the table below has the numbers`);
  Charts.lines(of("calibration"), ["level of the interval, %", "measurements inside, %"], DATA.levels, drawn, { isDiagonal: true, onMove: say });
  of("coverage").replaceChildren(element("summary", {}, "numbers"), table("measurements inside, %", ["level, %", ...found.map((one) => one.settings)],
    DATA.levels.map((level, i) => [String(level), ...drawn.map(({ values }) => significant(values[i]))])));
}

function drawLearning() {
  const rows = ofMetric(DATA.curves), sizes = [...new Set(rows.map((row) => row.rows))].sort((a, b) => a - b);
  of("learned").hidden = !rows.length;
  if (!rows.length) return;
  const { label } = DATA.figures[state.figure];
  const names = chosen().filter((name) => rows.some((row) => row.settings === name));
  const at = (name, size) => rows.find((row) => row.settings === name && row.rows === size);
  const drawn = names.map((name) => {
    const own = sizes.map((size) => at(name, size));
    const values = own.map((row) => (row && row.means[state.figure] !== undefined ? row.means[state.figure] : null));
    const ends = (sign) => own.map((row, i) => (values[i] === null ? null : values[i] + sign * (row.deviations[state.figure] || 0)));
    return { label: name, number: numberOf(name), values, lower: ends(-1), upper: ends(1) };
  });
  of("curves").setAttribute("aria-label", `${label} of ${state.metric} by rows fitted on; the table below has the numbers`);
  Charts.lines(of("curves"), ["rows fitted on", WITH_UNIT.includes(state.figure) ? `${label}, ${unitOf(state.metric)}` : label], sizes, drawn, { isLogX: true });
  of("sizes").replaceChildren(table(`${label}, mean ± standard deviation over draws`, ["rows fitted on", ...names],
    sizes.map((size) => [size.toLocaleString("en"), ...names.map((name) => figured(at(name, size), state.figure))])));
}

// --- start -----------------------------------------------------------------------------------------------------------

function show() {
  showOverview();
  showDetails();
  drawPairs();
  drawCalibration();
  drawLearning();
}

function start() {
  const choices = { run: DATA.runs.map((run) => [run, run]), metric: Object.keys(DATA.metrics).map((metric) => [metric, metric]),
    figure: Object.entries(DATA.figures).map(([key, { label }]) => [key, label]) };
  for (const [id, options] of Object.entries(choices)) {
    of(id).append(...options.map(([value, text]) => element("option", { value }, text)));
    of(id).addEventListener("change", () => { state[id] = of(id).value; show(); });
  }
  of("settings").append(...DATA.settings.map((name) => element("label", {}, element("input", { type: "checkbox", checked: true, value: name,
    onchange: ({ target }) => { state.hidden[target.checked ? "delete" : "add"](name); show(); } }), swatch(name), name)));
  show();
  document.body.dataset.ready = "true";
}

start();
