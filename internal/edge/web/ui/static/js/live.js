// The live page: the feed says which kinds of facts happened, and the regions that show them are fetched again and
// morphed in place, all in one request and at most two requests a second.

const PACE = 500;
const RETRY = 2000;
const wanted = new Set();
let timer = 0;
let last = 0;
let busy = false;

const regions = () => [...document.querySelectorAll(".region[data-on]")];

function concerns(region, kinds) {
  const on = region.dataset.on.split(" ");
  return on.includes("*") || kinds.some((kind) => on.some((prefix) => prefix && kind.startsWith(prefix)));
}

function want(list) {
  for (const region of list) wanted.add(region.id);
  if (wanted.size === 0 || timer || busy) return;
  timer = setTimeout(fetchWanted, Math.max(0, last + PACE - Date.now()));
}

async function fetchWanted() {
  timer = 0;
  if (wanted.size === 0) return;
  const ids = [...wanted].filter((id) => document.getElementById(id));
  wanted.clear();
  if (ids.length === 0) return;
  busy = true;
  last = Date.now();
  try {
    await window.htmx.ajax("GET", location.pathname + location.search, {
      source: "#refresh",
      swap: "none",
      headers: { "Nightkeeper-Regions": ids.join(",") },
    });
  } finally {
    busy = false;
    if (wanted.size > 0) want([]);
  }
}

export function refreshAll() {
  want(regions());
}

function state(el, value, text) {
  el.dataset.state = value;
  el.querySelector(".live-text").textContent = text;
}

export function start() {
  if (!window.htmx) return;
  // A form that was carried out is emptied, and everything is looked at again.
  document.addEventListener("htmx:after:request", (event) => {
    const ctx = event.detail?.ctx;
    if (ctx?.request?.method === "POST" && ctx.response?.status === 204) {
      const form = ctx.sourceElement?.closest?.("form");
      form?.reset();
      const box = form?.closest("details.confirm");
      box?.removeAttribute("open");
      box?.querySelector("summary").focus();
      refreshAll();
    }
  });
  // What had the focus may be gone after an update, such as the button of a page that was acknowledged; then the keyboard
  // goes on at the content, not at the top of the menu.
  let held = null;
  document.addEventListener("focusin", (event) => (held = event.target));
  document.addEventListener("htmx:after:swap", () => {
    if (held && !held.isConnected && document.activeElement === document.body) {
      document.getElementById("main")?.focus({ preventScroll: true });
    }
  });
  // Messages leave by themselves.
  const toasts = document.getElementById("toasts");
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) setTimeout(() => node.remove?.(), 8000);
  }).observe(toasts, { childList: true });

  const el = document.getElementById("live");
  if (!el) return;
  let known = false;
  el.addEventListener("hello", () => {
    state(el, "on", "Live");
    if (known) refreshAll();
    known = true;
  });
  el.addEventListener("facts", (event) => {
    const news = JSON.parse(event.detail.data);
    if (news.more) return refreshAll();
    const group = el.dataset.group;
    if (group && !news.groups.includes(group)) return;
    want(regions().filter((region) => concerns(region, news.kinds)));
    document.dispatchEvent(new CustomEvent("nk:facts", { detail: news }));
  });
  const down = () => state(el, "off", "Reconnecting");
  el.addEventListener("htmx:sse:error", down);
  el.addEventListener("htmx:sse:before:connection", () => known && down());
  el.addEventListener("htmx:sse:close", down);
  // The stream reconnects by itself once it stood; until then a refusal ends it, so it is asked for again.
  const connect = () => {
    el.setAttribute("hx-sse:connect", el.dataset.feed);
    if (!el._htmx?.sse) window.htmx.ajax("GET", el.dataset.feed, { source: el });
  };
  const again = () => {
    if (known) return;
    down();
    setTimeout(connect, RETRY);
  };
  el.addEventListener("htmx:error", again);
  el.addEventListener("htmx:response:error", again);
  setTimeout(connect); // after htmx, which begins with the page in a task of its own

  // What no fact announces, such as rates and budgets, is looked at every few seconds while the page is seen.
  let seconds = 0;
  setInterval(() => {
    if (document.hidden) return;
    seconds++;
    want(regions().filter((region) => region.dataset.every && seconds % Number(region.dataset.every) === 0));
  }, 1000);
}
