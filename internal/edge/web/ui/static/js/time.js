// Times that count on: how long ago, stopwatches and countdowns. Written as format.go writes them.

export function elapsed(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function stopwatch(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const pad = (n) => String(n).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${pad(s % 60)}`;
  return `${Math.floor(s / 3600)}:${pad(Math.floor((s % 3600) / 60))}:${pad(s % 60)}`;
}

function tick() {
  const now = Date.now();
  for (const el of document.querySelectorAll("time[data-ago], time[data-watch], time[data-left]")) {
    const at = Date.parse(el.dateTime);
    if (Number.isNaN(at)) continue;
    let text;
    if ("ago" in el.dataset) text = elapsed((now - at) / 1000);
    else if ("watch" in el.dataset) text = stopwatch((now - at) / 1000);
    else text = stopwatch((at - now) / 1000);
    if (el.textContent !== text) el.textContent = text;
  }
}

export function start() {
  setInterval(tick, 1000);
  document.addEventListener("htmx:after:swap", tick);
}
