"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const columns = data.series.columns;
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  let along = data.along;
  let charts = [];

  const line = (label, key, tint, more) => Object.assign({ label, key, tint, width: 1.5 }, more);
  const band = (low, high) => [
    { label: "least", key: low, tint: "grey", width: 0, quiet: true },
    { label: "most", key: high, tint: "grey", width: 0, quiet: true },
  ];
  const number = (digits) => (_, value) => (value == null ? "–" : value.toFixed(digits));
  const money = (_, value) =>
    value == null ? "–" : value.toLocaleString("en", { maximumFractionDigits: 2 });

  const specs = {
    loss: { digits: 4, series: [...band("loss_low", "loss_high"), line("log-loss", "loss", "blue"),
      line("baseline", "baseline", "orange", { dash: [6, 4] }),
      line("frozen self", "frozen", "purple"), line("imbalance rule", "rule_log_loss", "green"),
      line("network alone", "network_log_loss", "sky", { dash: [2, 3] })], bands: [[2, 1]] },
    saved: { digits: 4, level: 0, series: [...band("saved_low", "saved_high"),
      line("saved on its frozen self", "saved", "purple")], bands: [[2, 1]] },
    accuracy: { digits: 3, series: [...band("accuracy_low", "accuracy_high"),
      line("accuracy", "accuracy", "blue"), line("imbalance rule", "rule_accuracy", "green"),
      line("persistence", "persistence_accuracy", "orange", { dash: [6, 4] })], bands: [[2, 1]], level: 0.5 },
    equity: { show: money, series: [line("net of fees", "equity", "blue"),
      line("before fees", "gross", "green"), line("holding the same stake", "hold", "orange", { dash: [6, 4] }),
      line("random entry", "random", "purple", { dash: [2, 3] })] },
    drawdown: { digits: 3, unit: " %", series: [line("drawdown", "drawdown", "blue",
      { area: true })] },
    price: { show: money, series: [...band("price_low", "price_high"),
      line("price", "price", "blue")], bands: [[2, 1]], fills: true },
    rate: { axis: (_, ticks) => ticks.map((tick) => tick.toExponential(1)), show: (_, v) => (v == null ? "–" : v.toExponential(2)),
      series: [line("learning rate", "learning_rate", "blue")] },
    confidence: { digits: 3, series: [line("mean confidence", "confidence", "blue"),
      line("chance of a move", "p_move", "orange", { dash: [6, 4] }),
      line("trust", "trust", "purple")] },
  };

  const place = (u, at) => Math.round(u.valToPos(at, "x", true));

  function backdrop(u, level) {
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    if (along === "time") {
      ctx.fillStyle = colour("gap");
      for (const gap of data.series.gaps) {
        const from = place(u, gap.from);
        ctx.fillRect(from, top, Math.max(place(u, gap.to) - from, 2), height);
      }
    }
    if (level != null) {
      const y = Math.round(u.valToPos(level, "y", true));
      ctx.fillStyle = colour("soft");
      ctx.fillRect(left, y, width, devicePixelRatio);
    }
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    let last = -1e9;
    for (const mark of data.series.marks) {
      const x = place(u, mark[along]);
      ctx.strokeStyle = colour({ session: "grey", drift: "orange", growth: "green" }[mark.kind] || "purple");
      ctx.setLineDash(mark.kind === "session" ? [2, 4] : [6, 3]);
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      if (x - last > 70 * devicePixelRatio) {
        ctx.fillStyle = colour("soft");
        ctx.fillText(mark.label.slice(0, 22), x + 3, top + 11 * devicePixelRatio);
        last = x;
      }
    }
    ctx.restore();
  }

  function triangles(u) {
    const { ctx } = u;
    ctx.save();
    for (const fill of data.series.fills) {
      // A mark that stands for many is larger, by the root of how many.
      const size = Math.min(4 + Math.sqrt(fill.count), 12) * devicePixelRatio;
      const x = place(u, fill[along]);
      const y = Math.round(u.valToPos(fill.price, "y", true));
      const up = fill.side === "buy" ? 1 : -1;
      ctx.fillStyle = colour(up > 0 ? "green" : "orange");
      ctx.beginPath();
      ctx.moveTo(x, y - up * size);
      ctx.lineTo(x - size, y + up * size);
      ctx.lineTo(x + size, y + up * size);
      ctx.fill();
    }
    ctx.restore();
  }

  const axis = (more) => Object.assign({ stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line") }, font: "11px system-ui, sans-serif" }, more);
  // What a week of a market does at its very first tick is not to flatten the rest of it.
  function reach(keys) {
    const values = keys.flatMap((key) => (columns[key] || []).filter((value) => value != null)).sort((a, b) => a - b);
    if (!values.length) return [0, 1];
    const low = values[Math.floor(values.length * 0.005)];
    const high = values[Math.ceil(values.length * 0.995) - 1];
    const room = (high - low) * 0.08 || Math.abs(high) * 0.01 || 1;
    return [low - room, high + room];
  }

  // Times are UTC, as everywhere in the product.
  const utc = (time) => uPlot.tzDate(new Date(time * 1e3), "Etc/UTC");
  const day = "\n{YYYY}-{MM}-{DD}";
  const forms = [
    [31536000, "{YYYY}", null, null, null, null, null, null, 1],
    [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", day, null, day, null, null, null, 1],
    [1, ":{ss}", day + " {HH}:{mm}", null, day + " {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
    [0.001, ":{ss}.{fff}", day + " {HH}:{mm}", null, day + " {HH}:{mm}", null, "\n{HH}:{mm}", null, 1],
  ];
  const plain = (_, values) => values.map((value) => value.toLocaleString("en", { maximumFractionDigits: 10 }));
  const acrossAxis = () => axis({ values: along === "time" ? forms : plain });

  function make(holder, options, rows) {
    options.width = Math.max(holder.clientWidth, 200);
    options.height = holder.dataset.height ? Number(holder.dataset.height) : 230;
    options.padding = [8, 30, 0, 4];
    options.tzDate = utc;
    const chart = new uPlot(options, rows, holder);
    charts.push([holder, chart]);
  }

  function lines(holder, spec) {
    const used = spec.series.filter((each) => columns[each.key]);
    const show = spec.show || number(spec.digits);
    const unit = spec.unit || "";
    const series = used.map((each) => ({ label: each.label, stroke: colour(each.tint), width: each.width,
      dash: each.dash, class: each.quiet ? "quiet" : undefined, points: { show: false }, spanGaps: true, fill: each.area ? colour("band") : undefined,
      value: (u, v) => show(u, v) + (v == null ? "" : unit) }));
    const across = { label: along, value: along === "time" ? "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" : plain1 };
    const rows = [columns[along], ...used.map((each) => columns[each.key])];
    const options = {
      scales: { x: { time: along === "time" }, y: { range: reach(used.filter((each) => !each.quiet).map((each) => each.key)) } },
      series: [across, ...series],
      axes: [acrossAxis(), axis({ size: 70, values: spec.axis || plain })], cursor: { sync: { key: "x" }, drag: { x: true, y: false } },
      hooks: { drawClear: [(u) => backdrop(u, spec.level)], draw: spec.fills ? [triangles] : [] },
    };
    if (spec.bands) options.bands = spec.bands.map(([high, low]) => ({ series: [high, low], fill: colour("band") }));
    make(holder, options, rows);
  }
  const plain1 = (_, value) => (value == null ? "–" : Math.round(value).toLocaleString("en"));

  function reasons(holder) {
    const tints = ["blue", "orange", "green", "purple", "sky", "grey"];
    const names = Object.keys(data.series.reasons);
    const heaped = [];
    let below = columns.time.map(() => 0);
    for (const name of names) {
      below = data.series.reasons[name].map((share, row) => (share == null ? null : share + below[row]));
      heaped.push(below);
    }
    const order = names.map((_, index) => names.length - 1 - index);
    const across = { label: along, value: along === "time" ? "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" : plain1 };
    make(holder, {
      scales: { x: { time: along === "time" }, y: { range: [0, 100] } },
      series: [across, ...order.map((index) => ({ label: names[index], stroke: colour(tints[index]), width: 1,
        fill: colour(tints[index]), points: { show: false },
        value: (u, v, s, row) => (row == null ? "–" : (data.series.reasons[names[index]][row] || 0).toFixed(1) + " %") }))],
      axes: [acrossAxis(), axis({ size: 70, values: (_, ticks) => ticks.map((tick) => tick + " %") })],
      cursor: { sync: { key: "x" }, drag: { x: true, y: false } },
    }, [columns[along], ...order.map((index) => heaped[index])]);
  }

  function reliability(holder) {
    const bins = data.figures.calibration.bins;
    if (!bins.length) return;
    const bars = (u) => {
      const { ctx } = u;
      ctx.save();
      ctx.strokeStyle = colour("blue");
      ctx.lineWidth = devicePixelRatio;
      for (const bin of bins) {
        const x = place(u, bin.said);
        ctx.beginPath();
        ctx.moveTo(x, u.valToPos(bin.low, "y", true));
        ctx.lineTo(x, u.valToPos(bin.high, "y", true));
        ctx.stroke();
      }
      ctx.restore();
    };
    make(holder, {
      scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1] } },
      series: [{ label: "said", value: number(2) },
        { label: "perfect", stroke: colour("orange"), dash: [6, 4], points: { show: false }, value: number(2) },
        { label: "rose", stroke: colour("blue"), width: 1.5, points: { show: true, size: 7, fill: colour("blue") },
          value: number(3) },
        { label: "count", show: true, scale: "n", stroke: "transparent", points: { show: false },
          value: plain1 }],
      axes: [axis({}), axis({ size: 70 })], hooks: { draw: [bars] },
    }, [bins.map((b) => b.said), bins.map((b) => b.said), bins.map((b) => b.rose), bins.map((b) => b.count)]);
  }

  function latency(holder) {
    const samples = data.series.latency;
    // A start waits for seconds, a tick for milliseconds: both are to be seen. Zero has no logarithm.
    const known = Object.values(samples.columns).map((column) =>
      column.map((value) => (value == null ? null : Math.max(value, 0.1))));
    make(holder, {
      scales: { x: { time: true }, y: { distr: 3 } },
      series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" }, ...Object.keys(samples.columns).map((key, index) => ({
        label: key, stroke: colour(["blue", "orange", "green", "purple", "sky", "grey"][index % 6]), width: 1.5,
        points: { show: samples.time.length < 100, size: 5 }, spanGaps: true, value: number(1) }))],
      axes: [axis({ values: forms }), axis({ size: 70 })],
    }, [samples.time, ...known]);
  }

  function draw() {
    for (const [, chart] of charts) chart.destroy();
    charts = [];
    for (const holder of document.querySelectorAll("[data-chart]")) {
      const name = holder.dataset.chart;
      if (name === "reasons") reasons(holder);
      else if (name === "reliability") reliability(holder);
      else if (name === "latency") latency(holder);
      else lines(holder, specs[name]);
    }
    for (const button of document.querySelectorAll("[data-along]"))
      button.setAttribute("aria-pressed", String(button.dataset.along === along));
  }

  for (const button of document.querySelectorAll("[data-along]"))
    button.addEventListener("click", () => { along = button.dataset.along; draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
  draw();
})();
