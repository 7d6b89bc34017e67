// In a narrow box a row is a card; its cells then need the names of their columns. A cell that says nothing is left out.

function label() {
  for (const table of document.querySelectorAll(".table")) {
    const names = [...table.querySelectorAll("thead th")].map((th) => th.textContent.trim());
    for (const row of table.tBodies[0]?.rows ?? []) {
      for (const [k, cell] of [...row.cells].entries()) {
        cell.dataset.label = names[k] ?? "";
        cell.classList.toggle("bare", cell.textContent.trim() === "" && !cell.querySelector("svg, input, button"));
      }
    }
  }
}

export function start() {
  document.addEventListener("htmx:after:swap", label);
  label();
}
