// Filters what is on the page: rows of a table by text, entries of a timeline by who did them. The choice survives an
// update, because it is kept on the container and applied by the style sheet or again after each swap.

function rows(field) {
  const text = field.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(`${field.dataset.find} tbody tr`)) {
    row.hidden = text !== "" && !row.textContent.toLowerCase().includes(text);
  }
}

function lines(group) {
  const show = group.querySelector("input:checked")?.value ?? "all";
  const list = document.getElementById(group.dataset.filter);
  if (list) list.dataset.show = show;
}

function apply() {
  for (const field of document.querySelectorAll("input[data-find]")) rows(field);
  for (const group of document.querySelectorAll("[data-filter]")) lines(group);
}

export function start() {
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("input[data-find]")) rows(event.target);
    const group = event.target.closest?.("[data-filter]");
    if (group) lines(group);
  });
  document.addEventListener("htmx:after:swap", apply);
  apply();
}
