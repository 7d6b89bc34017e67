// The keyboard: g and a letter goes to a page, j and k walk through rows, / finds, ? helps, Escape closes a form.

function typing(target) {
  return target.closest?.("input, textarea, select, [contenteditable]");
}

function walk(step) {
  const rows = [...document.querySelectorAll("main a[data-row], main [data-row] a:first-of-type")].filter((a) => a.offsetParent);
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[next].focus();
}

// Escape closes the form that the focus is in, and the focus goes back to what opened it.
function leave() {
  const box = document.activeElement?.closest("details.confirm[open]");
  if (!box) return;
  box.open = false;
  box.querySelector("summary").focus();
}

export function start() {
  const help = document.getElementById("keys");
  document.querySelector("[data-keys-help]")?.addEventListener("click", () => help?.showModal());
  let g = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && !help?.open) leave();
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (g && Date.now() - g < 1500) {
      g = 0;
      const to = document.querySelector(`.nav a[data-key="${CSS.escape(event.key)}"]`);
      if (to) {
        event.preventDefault();
        location.assign(to.href);
      }
      return;
    }
    switch (event.key) {
      case "g":
        g = Date.now();
        break;
      case "j":
        walk(1);
        break;
      case "k":
        walk(-1);
        break;
      case "/": {
        const field = document.querySelector("main [data-find], main .search input");
        if (field) {
          event.preventDefault();
          field.focus();
          field.select?.();
        }
        break;
      }
      case "?":
        if (help && !help.open) help.showModal();
        break;
    }
  });
}
