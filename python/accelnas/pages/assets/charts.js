"use strict";
// Charts by uPlot, in the colours of the page.

const Charts = (() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = [];

  const tickText = (tick) => tick.toLocaleString("en", tick >= 1e5 ? { notation: "compact" } : { maximumSignificantDigits: 6 });

  /** An axis with a label, across the chart or down its side. */
  const axis = (label, isDown = false) => ({
    label, stroke: () => colour("--text"), grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { stroke: () => colour("--line"), width: 1 }, font: "12px system-ui, sans-serif",
    labelFont: "13px system-ui, sans-serif", size: isDown ? 56 : 32, labelSize: 22,
    values: (_, ticks) => ticks.map(tickText),
  });

  /** The 1, 2 and 5 of every power of ten between two ends, or less of them where there is no room for so many. */
  function roundTicks(low, high, room) {
    const decades = Math.log10(high / low), every = Math.ceil((decades + 1) / room);
    const digits = 3 * decades <= room ? [1, 2, 5] : 2 * decades <= room ? [1, 3] : [1];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      if (digits.length > 1 || power % every === 0) ticks.push(...digits.map((digit) => Number(`${digit}e${power}`)));
    }
    return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  }

  /** An axis, whose scale is logarithmic if it says so. */
  const scaled = (label, isLog, isDown) => (isLog ? { ...axis(label, isDown), filter: (_, ticks) => ticks,
    splits: ({ bbox }, _axis, low, high) => roundTicks(low, high, Math.max(1, isDown ? bbox.height / devicePixelRatio / 30 : bbox.width / devicePixelRatio / 64)) }
    : axis(label, isDown));
  const scale = (isLog, range) => ({ time: false, distr: isLog ? 3 : 1, ...(range ? { range } : {}) });

  const size = (holder) => ({ width: Math.max(260, holder.clientWidth), height: Math.max(240, Math.min(420, holder.clientWidth * 0.6)) });

  const points = (fill, width) => ({
    paths: () => null, // points alone
    points: { show: true, size: width, fill: () => colour(fill), stroke: () => colour(fill), width: 1 },
  });

  /**
   * Points of a front: `layers` are columns x and y with a label, a colour, a size and
   * perhaps `onPoint`, which a click near a point calls with its number.
   */
  function scatter(holder, [x, y], layers, { range = null, isEqual = false } = {}) {
    holder.replaceChildren();
    const joined = uPlot.join(layers.map(({ points: [xs, ys] }) => [xs, ys]));
    const options = {
      ...size(holder), scales: { x: scale(false, range), y: scale(false, range) }, legend: { show: false },
      cursor: { points: { size: 12 }, drag: { x: false, y: false }, focus: { prox: 24 } },
      axes: [axis(x), axis(y, true)], hooks: { draw: isEqual ? [drawEqual] : [] },
      series: [{ label: x }, ...layers.map(({ label, fill, width }) => ({ label, ...points(fill, width) }))],
    };
    const plot = new uPlot(options, joined, holder);
    plot.over.addEventListener("click", () => {
      const { left, top } = plot.cursor;
      let best = [40, null]; // pixels
      for (const { points: [xs, ys], onPoint } of layers.filter((layer) => layer.onPoint)) {
        xs.forEach((value, i) => {
          const distance = Math.hypot(plot.valToPos(value, "x") - left, plot.valToPos(ys[i], "y") - top);
          if (distance < best[0]) best = [distance, () => onPoint(i)];
        });
      }
      if (best[1]) best[1]();
    });
    remember(plot, holder);
  }

  /** The line where both axes are equal. */
  function drawEqual(plot) {
    const { ctx } = plot, low = Math.max(plot.scales.x.min, plot.scales.y.min), high = Math.min(plot.scales.x.max, plot.scales.y.max);
    ctx.save();
    ctx.strokeStyle = colour("--quiet");
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (const value of [low, high]) ctx.lineTo(plot.valToPos(value, "x", true), plot.valToPos(value, "y", true));
    ctx.stroke();
    ctx.restore();
  }

  /** Steps of a histogram, and vertical lines at values. */
  function histogram(holder, label, edges, counts, marks) {
    holder.replaceChildren();
    const lines = (plot) => {
      const { ctx, bbox } = plot;
      for (const { value, fill } of marks) {
        if (value === null || value === undefined) continue;
        const at = plot.valToPos(value, "x", true);
        if (at < bbox.left || at > bbox.left + bbox.width) continue;
        ctx.save();
        ctx.strokeStyle = colour(fill);
        ctx.lineWidth = 2 * devicePixelRatio;
        ctx.beginPath();
        ctx.moveTo(at, bbox.top);
        ctx.lineTo(at, bbox.top + bbox.height);
        ctx.stroke();
        ctx.restore();
      }
    };
    const options = {
      ...size(holder), scales: { x: { time: false }, y: { range: (_, least, most) => [0, most || 1] } },
      legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { show: false } },
      axes: [axis(label), { ...axis("share, %", true), size: 60 }], hooks: { draw: [lines] },
      series: [{ label }, { label: "share", paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
        stroke: () => colour("--first"), fill: () => colour("--wash"), width: 1 }],
    };
    const total = counts.reduce((sum, count) => sum + count, 0) || 1;
    const heights = counts.map((count) => (100 * count) / total);
    remember(new uPlot(options, [edges, [...heights, heights[heights.length - 1]]], holder), holder);
  }

  const DASHES = [[], [8, 4], [2, 3]];
  const seriesColour = (i) => `--series-${(i % 8) + 1}`;
  const dashOf = (i) => DASHES[Math.floor(i / 8) % DASHES.length];

  /**
   * Curves over common places `xs`; each has a label, a number that its colour goes by, values, and perhaps `lower` and
   * `upper` of a band. Logarithmic axes leave out what is not above zero.
   */
  function lines(holder, [x, y], xs, curves, { isLogX = false, isLogY = false, most = null, mark = null, isDiagonal = false, onMove = null } = {}) {
    holder.replaceChildren();
    const all = curves.flatMap(({ values }) => values).filter((v) => v !== null && (!isLogY || v > 0));
    if (!all.length || !xs.length) {
      holder.append(element("p", { class: "quiet" }, "There is nothing to draw."));
      return;
    }
    const [least, largest] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
    const ends = curves.flatMap(({ lower, upper }) => [...(lower || []), ...(upper || [])]).filter((v) => v !== null);
    const floor = isLogY ? least / 2 : Math.min(least, ...ends), top = Math.max(largest, ...ends);
    const pad = (top - floor) * 0.04 || Math.abs(top) * 0.04 || 1;
    const range = isLogY ? [floor * 1.6, top * 1.1] : [floor - pad, most === null ? top + pad : Math.min(most, top + pad)];
    const shown = (values) => (isLogY ? values.map((v) => (v !== null && v > 0 ? v : null)) : values);
    const clipped = (values) => values.map((v) => (v === null ? null : Math.max(v, isLogY ? floor : v)));
    const data = [xs], series = [{ label: x }], bands = [];
    curves.forEach(({ label, number, values, lower, upper }) => {
      const stroke = () => colour(seriesColour(number));
      if (lower && upper) {
        bands.push({ series: [data.length + 1, data.length], fill: () => `${colour(seriesColour(number))}33` });
        data.push(clipped(lower), clipped(upper));
        series.push(...[0, 1].map(() => ({ label: "", width: 0, points: { show: false } })));
      }
      data.push(shown(values));
      series.push({ label, stroke, width: 2, dash: dashOf(number), spanGaps: true, points: { show: xs.length === 1, size: 7 } });
    });
    const draw = (plot) => {
      const { ctx, bbox } = plot;
      if (mark !== null) {
        const at = plot.valToPos(mark, "x", true);
        ctx.save();
        ctx.strokeStyle = colour("--quiet");
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(at, bbox.top);
        ctx.lineTo(at, bbox.top + bbox.height);
        ctx.stroke();
        ctx.restore();
      }
      if (isDiagonal) drawEqual(plot);
    };
    const moved = (plot) => onMove && onMove(plot.cursor.idx);
    const options = {
      ...size(holder), legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: { x: scale(isLogX, xs.length === 1 ? [xs[0] / 2, xs[0] * 2] : [xs[0], xs[xs.length - 1]]), y: scale(isLogY, range) },
      axes: [scaled(x, isLogX, false), { ...scaled(y, isLogY, true), size: 64 }], series, bands, hooks: { draw: [draw], setCursor: [moved] },
    };
    remember(new uPlot(options, data, holder), holder);
  }

  /** Points of measured against predicted values, and the line where both are equal. */
  function pairs(holder, [x, y], layers) {
    const values = layers.flatMap(({ points }) => points.flat());
    const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    const pad = (high - low) * 0.03 || 1;
    scatter(holder, [x, y], layers, { range: [low - pad, high + pad], isEqual: true });
  }

  function remember(plot, holder) {
    for (let i = drawn.length - 1; i >= 0; i--) if (drawn[i].holder === holder) drawn.splice(i, 1)[0].plot.destroy();
    drawn.push({ plot, holder });
  }

  const redraw = () => drawn.forEach(({ plot, holder }) => plot.setSize(size(holder)));
  window.addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  return { scatter, pairs, histogram, lines, redraw, seriesColour, dashOf };
})();
