// The entry of every page. Each module looks for its own elements and does nothing on pages without them; what a page
// says and its forms work without any of it.
import * as time from "./time.js";
import * as live from "./live.js";
import * as keys from "./keys.js";
import * as filter from "./filter.js";
import * as push from "./push.js";
import * as table from "./table.js";

// The server writes times in the reader's zone; it learns the zone from this cookie.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== document.body.dataset.zone) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `nightkeeper_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax${secure}`;
}

// The theme changes at once; the form tells the server.
document.querySelector("[data-theme-form]")?.addEventListener("submit", (event) => {
  const theme = event.submitter?.value;
  if (!theme) return;
  event.preventDefault();
  document.documentElement.dataset.theme = theme;
  for (const button of event.target.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
  fetch("/theme", { method: "POST", body: new URLSearchParams({ theme }), headers: { "HX-Request": "true" } });
  document.dispatchEvent(new CustomEvent("nk:theme"));
});

time.start();
keys.start();
filter.start();
push.start();
table.start();
live.start();

if (document.querySelector("[data-chart]")) {
  import("./chart.js").then((m) => m.start());
}
if (document.querySelector("[data-drag]")) {
  import("./drag.js").then((m) => m.start());
}
if (document.querySelector("[data-map]")) {
  import("./map.js").then((m) => m.start());
}
