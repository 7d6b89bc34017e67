// The service map: laid out by dagre, drawn as SVG. Every service is a link, so the keyboard walks it like any list.
import { Graph, layout } from "../vendor/dagre.esm.js";

const NS = "http://www.w3.org/2000/svg";

function make(name, attributes, ...children) {
  const el = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) el.setAttribute(key, value);
  el.append(...children);
  return el;
}

function place(data, tall) {
  const g = new Graph();
  g.setGraph({ rankdir: tall ? "TB" : "LR", nodesep: tall ? 12 : 10, ranksep: tall ? 36 : 64, marginx: 8, marginy: 8 });
  g.setDefaultEdgeLabel(() => ({}));
  for (const node of data.nodes) g.setNode(node.name, { width: Math.max(120, 7.4 * node.name.length + (node.failing || node.cause ? 38 : 24)), height: 40, node });
  for (const edge of data.edges) {
    if (g.hasNode(edge.from) && g.hasNode(edge.to) && edge.from !== edge.to) g.setEdge(edge.from, edge.to, { edge });
  }
  layout(g);
  return g;
}

function curve(points, tall) {
  let d = `M${points[0].x.toFixed(1)},${points[0].y.toFixed(1)}`;
  for (let i = 1; i < points.length; i++) {
    const a = points[i - 1];
    const b = points[i];
    d += tall
      ? ` C${a.x.toFixed(1)},${((a.y + b.y) / 2).toFixed(1)} ${b.x.toFixed(1)},${((a.y + b.y) / 2).toFixed(1)} ${b.x.toFixed(1)},${b.y.toFixed(1)}`
      : ` C${((a.x + b.x) / 2).toFixed(1)},${a.y.toFixed(1)} ${((a.x + b.x) / 2).toFixed(1)},${b.y.toFixed(1)} ${b.x.toFixed(1)},${b.y.toFixed(1)}`;
  }
  return d;
}

function draw(box, data) {
  const tall = box.dataset.map === "blast" && box.clientWidth < 560;
  const g = place(data, tall);
  const { width, height } = g.graph();
  const scale = Math.max(Math.min(box.clientWidth / width, 1), box.dataset.map === "blast" ? 0.55 : box.clientWidth < 560 ? 0.8 : 0.5);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width: Math.round(width * scale), height: Math.round(height * scale), class: "map-svg", role: "group", "aria-label": "Services and their calls" });
  const arrow = (id, name) => make("marker", { id, viewBox: "0 0 6 6", refX: 6, refY: 3, markerWidth: 6, markerHeight: 6, orient: "auto", class: name }, make("path", { d: "M0,0L6,3L0,6z" }));
  svg.append(make("defs", {}, arrow(box.id + "-arrow", "arrow"), arrow(box.id + "-arrow-burn", "arrow burn")));
  const related = new Set(data.related ?? []);
  const far = (name) => data.focus && name !== data.focus && !related.has(name);
  for (const e of g.edges()) {
    const { points, edge } = g.edge(e);
    const name = ["edge", edge.failing && "burn", (far(e.v) || far(e.w)) && "far"].filter(Boolean).join(" ");
    svg.append(make("path", { d: curve(points, tall), class: name, "stroke-width": Math.min(1 + Math.log10(1 + edge.rate), 3.5).toFixed(1), "marker-end": `url(#${box.id}-arrow${edge.failing ? "-burn" : ""})` }, make("title", {}, `${e.v} → ${e.w}: ${edge.text}`)));
  }
  for (const name of g.nodes()) {
    const { x, y, width: w, height: h, node } = g.node(name);
    const classes = ["node", "tier-" + node.tier, node.failing && "burn", node.cause && "cause", name === data.focus && "focus", far(name) && "far"].filter(Boolean).join(" ");
    const link = make("a", { href: box.dataset.map === "blast" ? "/services/" + name : "/map?focus=" + name, class: classes });
    link.append(
      make("rect", { x: x - w / 2, y: y - h / 2, width: w, height: h, rx: 4 }),
      make("text", { x: x - w / 2 + 10, y: y - 3, class: "node-name" }, (node.cause ? "◆ " : node.failing ? "▲ " : "") + name),
      make("text", { x: x - w / 2 + 10, y: y + 12, class: "node-text" }, node.short),
      make("title", {}, `${name}: ${node.text}`),
    );
    svg.append(link);
  }
  box.replaceChildren(svg);
  const chosen = svg.querySelector(".node.focus") ?? svg.querySelector(".node.cause") ?? svg.querySelector(".node.burn");
  if (chosen) {
    const a = chosen.getBoundingClientRect();
    const b = box.getBoundingClientRect();
    box.scrollLeft += a.left - b.left - (b.width - a.width) / 2;
    box.scrollTop += a.top - b.top - (b.height - a.height) / 2;
  }
}

async function refresh(box) {
  const response = await fetch(box.dataset.src, { headers: { Accept: "application/json" } });
  if (!response.ok) return;
  const data = await response.json();
  const key = JSON.stringify(data);
  if (box.dataset.key === key) return;
  const { scrollLeft, scrollTop } = box;
  const again = box.dataset.key !== undefined;
  const focused = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  box.dataset.key = key;
  box.hidden = data.nodes.length === 0;
  if (box.hidden) return;
  draw(box, data);
  if (again) {
    box.scrollLeft = scrollLeft;
    box.scrollTop = scrollTop;
    if (focused) box.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
}

export function start() {
  const boxes = [...document.querySelectorAll("[data-map]")];
  for (const box of boxes) refresh(box);
  setInterval(() => {
    if (!document.hidden) for (const box of boxes) if (box.dataset.every) refresh(box);
  }, 10000);
}
