"use strict";

/** A cell's number, its text where it has none, null where it is unknown. */
function sortKey(cell) {
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  const text = cell.textContent.trim();
  return text === "—" ? null : text;
}

/** Sorts a table by one column; a second click turns the order round. Unknown values stay last. */
function sortBy(heading) {
  const body = heading.closest("table").tBodies[0];
  const column = heading.cellIndex;
  const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const sign = order === "ascending" ? 1 : -1;
  const keyed = [...body.rows].map((row) => ({ row, key: sortKey(row.cells[column]) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    if (typeof a.key === "number" && typeof b.key === "number") return sign * (a.key - b.key);
    return sign * String(a.key).localeCompare(String(b.key), "en", { numeric: true });
  });
  body.append(...keyed.map((one) => one.row));
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
}

/** Opens the details that the address points to. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

/** Leaves, in all tables of a section, the lines whose records have every chosen property. */
function filterLines(section) {
  const choices = [...section.querySelectorAll("select")].filter((choice) => choice.value);
  const chosen = choices.map((choice) => [JSON.parse(choice.dataset.chosen), choice.value]);
  for (const link of section.querySelectorAll("td:first-child a")) {
    const record = decodeURIComponent(link.hash.slice(1));
    link.closest("tr").hidden = chosen.some(([property, wanted]) => property[record] !== wanted);
  }
}

/** Unpacks plotly.js, which is embedded compressed. */
async function loadPlotly() {
  const bytes = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

async function drawPlots() {
  await loadPlotly();
  for (const place of document.querySelectorAll(".pareto")) {
    const { data, layout } = JSON.parse(place.nextElementSibling.textContent);
    await Plotly.newPlot(place, data, layout, { responsive: true, displaylogo: false });
    place.on("plotly_click", (event) => {
      const record = event.points[0].customdata;
      if (record) location.hash = encodeURIComponent(record);
    });
  }
}

for (const choice of document.querySelectorAll("select")) {
  choice.addEventListener("change", () => filterLines(choice.closest("section")));
}
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}
addEventListener("hashchange", openTarget);
openTarget();
drawPlots();
addEventListener("beforeprint", () => {
  for (const place of document.querySelectorAll(".pareto")) Plotly.Plots.resize(place);
});
