"use strict";
// The page of many searches: one task at a time, by one measure, after some evaluations.

const DATA = JSON.parse(document.getElementById("data").textContent);
const of = (id) => document.getElementById(id);
const state = { task: DATA.tasks[0], measure: null, at: 0, hidden: new Set(), sorted: {} };
const own = () => Object.keys(state.task.algorithms);
const numberOf = (name) => own().indexOf(name);
const chosen = () => own().filter((name) => !state.hidden.has(name));
const swatch = (name) => element("span", { class: "swatch", "aria-hidden": "true",
  style: `border-top-color:var(${Charts.seriesColour(numberOf(name))});border-top-style:${Charts.dashOf(numberOf(name)).length ? "dashed" : "solid"}` });
const evaluations = () => state.task.evaluations[state.at];
const counted = (value) => value.toLocaleString("en");
/** A p-value; what is below the smallest number is said to be. */
const probability = (p) => (p === null ? "–" : p === 0 ? "< 1e-300" : significant(p, 2));

/** Whether values are drawn on a logarithmic axis: all are positive, and they span a power of ten. */
function isWide(values) {
  const known = values.filter((v) => v !== null);
  const positive = known.filter((v) => v > 0);
  return positive.length > 0 && !known.some((v) => v < 0) && Math.max(...positive) / Math.min(...positive) >= 10;
}

// --- what is chosen --------------------------------------------------------------------------------------------------

function chooseTask(number) {
  state.task = DATA.tasks[number];
  of("measure").replaceChildren(...state.task.measures.map((m, i) => element("option", { value: i }, m.name)));
  of("measure").disabled = !state.task.measures.length;
  state.at = state.task.evaluations.length - 1;
  of("budget").max = String(state.at);
  of("budget").value = String(state.at);
  of("algorithms").replaceChildren(element("legend", {}, "algorithms"), ...own().map((name) => element("label", {},
    element("input", { type: "checkbox", checked: !state.hidden.has(name), value: name, onchange: toggle }), swatch(name), name)));
  chooseMeasure(0);
  showFronts();
  showProven();
  showMaking();
}

function chooseMeasure(number) {
  state.measure = state.task.measures[number] || null;
  state.sorted = {};
  showMeasure();
}

function toggle(event) {
  state.hidden[event.target.checked ? "delete" : "add"](event.target.value);
  showMeasure();
  drawFronts();
}

function chooseBudget() {
  state.at = Number(of("budget").value);
  showMeasure();
}

// --- rankings and curves ---------------------------------------------------------------------------------------------

function showMeasure() {
  const { measure, task } = state;
  of("after").textContent = `${counted(evaluations())} of ${counted(task.budget)} evaluations`;
  of("budget").setAttribute("aria-valuetext", of("after").textContent);
  for (const id of ["drawn", "spread"]) of(id).hidden = !measure;
  of("timed").hidden = !(measure && measure.times);
  of("spread").className = of("timed").hidden ? "wide" : "";
  of("tested").hidden = !measure;
  if (!measure) {
    of("ranking").replaceChildren(element("p", {}, "Nothing exact is known of what is sought, so runs have fronts, but no rank."));
    of("left-out").textContent = "";
    return;
  }
  showRanking();
  drawCurves();
  showTests();
}

function showRanking() {
  const { measure, task, at } = state, test = measure.tests[at];
  const sign = measure.isLess ? 1 : -1;
  const curve = (name) => measure.curves[name];
  const worth = (name) => (curve(name) && curve(name).mean[at] !== null ? sign * curve(name).mean[at] : Infinity);
  const names = chosen().sort((a, b) => worth(a) - worth(b) || numberOf(a) - numberOf(b));
  const level = significant(DATA.level);
  const columns = ["algorithm", `mean ${measure.name}`, `from (${level} %)`, "to", "median", "5 %", "95 %",
    ...(test.error ? [] : ["average rank"]), ...(task.clock ? [`cost, ${task.clock}`] : [])];
  const rows = names.map((name) => {
    const cells = ["mean", "lower", "upper", "50", "5", "95"].map((key) => significant(curve(name) ? curve(name)[key][at] : null));
    const rank = test.error ? [] : [test.ranks[test.labels.indexOf(name)].toFixed(2)];
    return [element("span", { class: "named" }, swatch(name), " ", name), ...cells, ...rank, ...(task.clock ? [significant(task.algorithms[name].cost)] : [])];
  });
  const made = table(`${measure.label}, after ${counted(evaluations())} evaluations`, columns, rows);
  sortable(made.querySelector("table"), state.sorted);
  of("ranking").replaceChildren(made);
  const left = own().filter((name) => measure.without[name]).map((name) => `${name}: ${counted(measure.without[name])}`);
  of("left-out").textContent = left.length ? `Runs that found nothing feasible are left out: ${left.join(", ")}.` : "";
}

/** Draws curves, and says the values where the pointer is. */
function drawOver(id, label, xs, curves, options, told) {
  const { measure } = state, names = chosen().filter((name) => curves[name]);
  const values = names.flatMap((name) => curves[name].mean);
  const drawn = names.map((name) => ({ label: name, number: numberOf(name), values: curves[name].mean, lower: curves[name].lower, upper: curves[name].upper }));
  of(id).setAttribute("aria-label", `${measure.label} by ${label}: ${names.map((name) => `${name} ends at ${significant(curves[name].mean.at(-1))}`).join(", ")}`);
  const say = (i) => {
    of(`read-${id}`).textContent = i === null || i === undefined ? `Bands: ${significant(DATA.level)} % intervals of the mean.`
      : `${told(xs[i])}: ${names.map((name) => `${name} ${significant(curves[name].mean[i], 4)}`).join(", ")}`;
  };
  say(null);
  const isLogY = measure.most === null && isWide(values);
  Charts.lines(of(id), [label, measure.label], xs, drawn, { isLogX: true, isLogY, most: measure.most, onMove: say, ...options });
}

function drawCurves() {
  const { measure, task, at } = state;
  drawOver("curves", "evaluations", task.evaluations, measure.curves, { mark: evaluations() }, (x) => `after ${counted(x)}`);
  if (measure.times) drawOver("times", task.clock, measure.times.at, measure.times.curves, {}, (x) => `at ${significant(x, 4)}`);
  const names = chosen().filter((name) => measure.shares[name].length);
  const drawn = names.map((name) => ({ label: name, number: numberOf(name), values: measure.shares[name][at] }));
  const isLogY = measure.most === null && isWide(drawn.flatMap(({ values }) => values));
  of("shares").setAttribute("aria-label", `${measure.label} by share of runs; the table of ranks has the 5, 50 and 95 % quantiles`);
  const say = (i) => {
    of("read-shares").textContent = i === null || i === undefined ? "So many of the runs are not above the curve."
      : `${significant(100 * DATA.shares[i])} % of runs are at most: ${drawn.map(({ label, values }) => `${label} ${significant(values[i], 4)}`).join(", ")}`;
  };
  say(null);
  Charts.lines(of("shares"), ["share of runs, %", measure.label], DATA.shares.map((s) => 100 * s), drawn, { isLogY, most: measure.most, onMove: say });
}

function showTests() {
  const { measure, at } = state, test = measure.tests[at];
  if (test.error) {
    of("tests").replaceChildren(element("p", {}, `No test: ${test.error}.`));
    of("alike").textContent = "";
    return;
  }
  const most = Math.max(...test.ranks);
  const rows = test.labels.map((name, i) => [element("span", { class: "named" }, swatch(name), " ", name), test.ranks[i].toFixed(2),
    element("span", { class: "bar", style: `width:${Math.round((90 * test.ranks[i]) / most)}px;background:var(${Charts.seriesColour(numberOf(name))})`, "aria-hidden": "true" }),
    ...test.pairs[i].map((p, j) => (i === j ? "–" : probability(p)))]);
  of("tests").replaceChildren(table(`average ranks over ${counted(measure.blocks)} runs of each, the best first, and p values of pairs`,
    ["algorithm", "average rank", "", ...test.labels], rows, ["average rank", ...test.labels]));
  const groups = test.alike.map((group) => group.join(", ")).join("; ");
  of("alike").textContent = `Friedman's test that all are alike: p ${test.p ? `= ${probability(test.p)}` : probability(test.p)}. `
    + `By Nemenyi's tests, not told apart at 5 %: ${groups || "none"}.`;
}

// --- fronts ----------------------------------------------------------------------------------------------------------

function showFronts() {
  const fronts = state.task.fronts;
  of("front").hidden = !fronts;
  if (!fronts) return;
  for (const id of ["across", "up"]) of(id).replaceChildren(...fronts.objectives.map((name, i) => element("option", { value: i }, name)));
  of("across").value = "1";
  of("up").value = "0";
  drawFronts();
}

function drawFronts() {
  const fronts = state.task.fronts;
  if (!fronts) return;
  const [x, y] = ["across", "up"].map((id) => Number(of(id).value));
  const ordered = (columns) => {
    const order = (columns[x] || []).map((_, i) => i).sort((a, b) => columns[x][a] - columns[x][b]);
    return { order, points: [order.map((i) => columns[x][i]), order.map((i) => columns[y][i])] };
  };
  const layers = [], names = fronts.objectives;
  if (fronts.points) layers.push({ label: "exact", fill: "--quiet", width: 4, points: ordered(fronts.exact).points });
  for (const name of chosen()) {
    const { order, points } = ordered(fronts.found[name].values);
    const onPoint = (i) => of("clicked").replaceChildren(`${name}: `, element("code", {}, fronts.found[name].architectures[order[i]]),
      ` ${names[x]} ${significant(points[0][i])}, ${names[y]} ${significant(points[1][i])}`);
    if (order.length) layers.push({ label: name, fill: Charts.seriesColour(numberOf(name)), width: 6, points, onPoint });
  }
  of("clicked").textContent = "";
  if (layers.length) Charts.scatter(of("fronts"), [names[x], names[y]], layers);
  else of("fronts").replaceChildren(element("p", { class: "quiet" }, "There is nothing to draw."));
  const exact = fronts.points ? `The exact front has ${counted(fronts.points)} points (grey). ` : "";
  of("runs").textContent = `${exact}Of each algorithm the run with the median hypervolume is shown: ${chosen().map((name) =>
    `${name}, run ${fronts.found[name].run}, ${counted(fronts.found[name].architectures.length)} points`).join("; ")}. Click on a point to see its architecture.`;
}

// --- what is proven, and how it is made again ------------------------------------------------------------------------

function showProven() {
  const proven = state.task.proven;
  of("compared").hidden = !proven;
  if (!proven) return;
  const best = proven.architecture ? [[`optimum, ${proven.what}`, significant(proven.value, 10)], ["architecture", element("code", {}, proven.architecture)]] : [];
  of("proven").replaceChildren(table("proven for the whole space", ["", "said"], [...best, ...proven.facts], []));
}

function save() {
  const text = JSON.stringify(state.task.proven.certificate, null, 1);
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: "certificate.json" });
  link.click();
  URL.revokeObjectURL(link.href);
  of("said").textContent = "saved; accelnas verify checks it";
}

function showMaking() {
  const { task } = state;
  of("facts").replaceChildren(table("what the runs depend on", ["", "is"], task.facts, []));
  of("settings").replaceChildren(table("algorithms", ["algorithm", "runs", "settings", "sha256 of the plan"],
    own().map((name) => [name, counted(task.algorithms[name].runs), task.algorithms[name].settings, element("code", {}, task.algorithms[name].sha256)]), ["runs"]));
  const forms = Object.keys(task.copies).filter((form) => task.copies[form]);
  of("copies").replaceChildren("copy as", ...forms.map((form) => element("button", { type: "button", onclick: () => copy(form) }, form)));
  of("copied").textContent = task.copies.Python;
}

async function copy(form) {
  of("copied").textContent = state.task.copies[form];
  of("said").textContent = await copied(state.task.copies[form]) ? `copied as ${form}` : `${form}: select the text below`;
}

function start() {
  of("task").append(...DATA.tasks.map((task, i) => element("option", { value: i },
    `${task.name}, ${task.benchmark}, ${counted(task.budget)} evaluations, seed ${task.seed}`)));
  if (DATA.tasks.length === 1) for (const id of ["task", "of-task"]) of(id).hidden = true;
  of("task").addEventListener("change", (event) => chooseTask(Number(event.target.value)));
  of("measure").addEventListener("change", (event) => chooseMeasure(Number(event.target.value)));
  of("budget").addEventListener("input", chooseBudget);
  of("certificate").addEventListener("click", save);
  for (const id of ["across", "up"]) of(id).addEventListener("change", drawFronts);
  chooseTask(0);
  document.body.dataset.ready = "true";
}

start();
