// Charts of rate, errors and duration, drawn by uPlot from one JSON answer per service. Charts of one service share a
// cursor; the time of the trouble is shaded and deploys are marked. All text is in the page's own colours.

const groups = new Map();
let plot;

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function load() {
  plot ??= new Promise((resolve, reject) => {
    const base = document.body.dataset.assets;
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = base + "vendor/uPlot.min.css";
    document.head.append(style);
    const script = document.createElement("script");
    script.src = base + "vendor/uPlot.iife.min.js";
    script.onload = () => resolve(window.uPlot);
    script.onerror = reject;
    document.head.append(script);
  });
  return plot;
}

const kinds = {
  rate: { series: [{ key: "rate", label: "requests", color: "--text-2", fill: true }], format: (v) => (v === 0 ? "0" : v.toFixed(v >= 10 ? 0 : v >= 1 ? 1 : 2) + "/s") },
  errors: { series: [{ key: "errors", label: "errors", color: "--burn", fill: true }], format: (v) => (v === 0 ? "0" : v.toFixed(v < 10 ? 1 : 0) + " %"), min: 5 },
  duration: {
    series: [
      { key: "p95", label: "p95", color: "--text" },
      { key: "p50", label: "p50", color: "--text-3" },
    ],
    format: (v) => (v === 0 ? "0" : v >= 1000 ? (v / 1000).toFixed(1) + " s" : v.toFixed(v < 10 ? 1 : 0) + " ms"),
    min: 10,
  },
  budget: {
    series: [
      { key: "left", label: "left", color: "--text" },
      { key: "ahead", label: "if nothing more burns", color: "--text-3", dash: [4, 4] },
    ],
    format: (v) => Math.round(v) + " %",
    range: (min, max) => [Math.min(min, 0), Math.max(max, 100)],
    at: "{D} {MMM} {HH}:{mm}",
  },
};

function marks(data) {
  return {
    hooks: {
      drawClear: [
        (u) => {
          const { left, top, width, height } = u.bbox;
          u.ctx.save();
          for (const span of data.spans ?? []) {
            const a = Math.max(u.valToPos(span.from, "x", true), left);
            const b = Math.min(u.valToPos(span.to, "x", true), left + width);
            if (b <= a) continue;
            u.ctx.fillStyle = css("--lamp-ground");
            u.ctx.fillRect(a, top, b - a, height);
          }
          u.ctx.restore();
        },
      ],
      draw: [
        (u) => {
          const { left, top, width, height } = u.bbox;
          u.ctx.save();
          u.ctx.strokeStyle = css("--lamp");
          u.ctx.lineWidth = devicePixelRatio;
          u.ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
          for (const mark of data.marks ?? []) {
            const x = u.valToPos(mark.at, "x", true);
            if (x < left || x > left + width) continue;
            u.ctx.beginPath();
            u.ctx.moveTo(x, top);
            u.ctx.lineTo(x, top + height);
            u.ctx.stroke();
          }
          u.ctx.restore();
        },
      ],
    },
  };
}

function draw(uPlot, el, data) {
  const kind = kinds[el.dataset.chart];
  const zone = document.body.dataset.zone;
  const axis = { stroke: css("--text-3"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: `12px ${css("--sans")}` };
  const options = {
    width: el.clientWidth,
    height: el.clientHeight || 148,
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), zone),
    cursor: { sync: { key: el.dataset.src }, y: false, points: { size: 6 }, drag: { x: false, y: false } },
    legend: { live: true },
    plugins: [marks(data)],
    scales: { y: { range: (u, min, max) => kind.range ? kind.range(min, max) : [0, Math.max(max * 1.15, kind.min ?? 0, 0.1)] } },
    axes: [
      { ...axis, size: 24, space: 64, values: [[86400, "{D} {MMM}", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
      { ...axis, size: 56, space: 36, values: (u, ticks) => ticks.map((v) => kind.format(v)) },
    ],
    series: [
      { label: "at", value: kind.at ?? "{HH}:{mm}:{ss}" },
      ...kind.series.map((s) => ({
        label: s.label,
        stroke: () => css(s.color),
        fill: s.fill ? () => `color-mix(in srgb, ${css(s.color)} 16%, transparent)` : undefined,
        width: 1.5,
        dash: s.dash,
        spanGaps: false,
        points: { show: false },
        value: (u, v) => (v == null ? "–" : kind.format(v)),
      })),
    ],
  };
  el.textContent = "";
  const chart = new uPlot(options, [data.t, ...kind.series.map((s) => data[s.key])], el);
  new ResizeObserver(() => {
    if (el.clientWidth && el.clientWidth !== chart.width) chart.setSize({ width: el.clientWidth, height: el.clientHeight || 148 });
  }).observe(el);
  return chart;
}

async function refresh(box) {
  const plots = [...box.querySelectorAll("[data-chart]")];
  const response = await fetch(box.dataset.red, { headers: { Accept: "application/json" } });
  if (!response.ok) return;
  const data = await response.json();
  const uPlot = await load();
  const known = groups.get(box);
  for (const el of plots) {
    const kind = kinds[el.dataset.chart];
    const old = known?.get(el);
    if (old) {
      old.setData([data.t, ...kind.series.map((s) => data[s.key])]);
    } else {
      const made = groups.get(box) ?? new Map();
      made.set(el, draw(uPlot, el, data));
      groups.set(box, made);
    }
  }
}

export function start() {
  const boxes = [...document.querySelectorAll("[data-red]")];
  const all = () => Promise.all(boxes.map((box) => refresh(box)));
  all();
  const again = () => {
    for (const made of groups.values()) for (const chart of made.values()) chart.destroy();
    groups.clear();
    all();
  };
  document.addEventListener("nk:theme", again);
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", again);
  setInterval(() => {
    if (document.hidden) return;
    for (const box of boxes) if (box.dataset.liveChart === "true") refresh(box);
  }, 10000);
}
