"use strict";
// Charts by uPlot, in the colours of the page.

const Charts = (() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = [];

  const axis = (label) => ({
    label, stroke: () => colour("--text"), grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { stroke: () => colour("--line"), width: 1 }, font: "12px system-ui, sans-serif",
    labelFont: "13px system-ui, sans-serif", size: 56, labelSize: 22,
    values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en", { maximumSignificantDigits: 6 })),
  });

  const size = (holder) => ({ width: Math.max(260, holder.clientWidth), height: Math.max(240, Math.min(420, holder.clientWidth * 0.6)) });

  const points = (fill, width) => ({
    paths: () => null, // points alone
    points: { show: true, size: width, fill: () => colour(fill), stroke: () => colour(fill), width: 1 },
  });

  /** Points of a front: `layers` are columns x and y with a label, a colour and a size; calls back with a point's number. */
  function scatter(holder, [x, y], layers, onPoint) {
    holder.replaceChildren();
    const joined = uPlot.join(layers.map(({ points: [xs, ys] }) => [xs, ys]));
    const options = {
      ...size(holder), scales: { x: { time: false } }, legend: { show: false },
      cursor: { points: { size: 12 }, drag: { x: false, y: false }, focus: { prox: 24 } },
      axes: [axis(x), axis(y)],
      series: [{ label: x }, ...layers.map(({ label, fill, width }) => ({ label, ...points(fill, width) }))],
    };
    const plot = new uPlot(options, joined, holder);
    plot.over.addEventListener("click", () => {
      const { left, top } = plot.cursor;
      let best = [Infinity, null];
      const [xs, ys] = layers[0].points;
      xs.forEach((value, i) => {
        const distance = Math.hypot(plot.valToPos(value, "x") - left, plot.valToPos(ys[i], "y") - top);
        if (distance < best[0]) best = [distance, i];
      });
      if (best[1] !== null && best[0] < 40) onPoint(best[1]);
    });
    remember(plot, holder);
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
      axes: [axis(label), { ...axis("share, %"), size: 60 }], hooks: { draw: [lines] },
      series: [{ label }, { label: "share", paths: uPlot.paths.stepped({ align: 1 }), points: { show: false },
        stroke: () => colour("--first"), fill: () => colour("--wash"), width: 1 }],
    };
    const total = counts.reduce((sum, count) => sum + count, 0) || 1;
    const heights = counts.map((count) => (100 * count) / total);
    remember(new uPlot(options, [edges, [...heights, heights[heights.length - 1]]], holder), holder);
  }

  function remember(plot, holder) {
    for (let i = drawn.length - 1; i >= 0; i--) if (drawn[i].holder === holder) drawn.splice(i, 1)[0].plot.destroy();
    drawn.push({ plot, holder });
  }

  const redraw = () => drawn.forEach(({ plot, holder }) => plot.setSize(size(holder)));
  window.addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  return { scatter, histogram, redraw };
})();
