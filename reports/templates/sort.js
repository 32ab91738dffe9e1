"use strict";
// A click on a column's head sorts by it: by data-key where there is one, else as text; the second click turns it round.
for (const head of document.querySelectorAll("thead th")) {
  head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const body = head.closest("table").tBodies[0];
    const value = (row) => row.cells[head.cellIndex].dataset.key ?? row.cells[head.cellIndex].textContent;
    const order = (a, b) => value(a).localeCompare(value(b), undefined, { numeric: true });
    const number = (a, b) => Number(value(a)) - Number(value(b));
    const rows = [...body.rows];
    const numeric = rows.some((row) => row.cells[head.cellIndex].dataset.key !== undefined);
    const known = (row) => !numeric || row.cells[head.cellIndex].dataset.key !== undefined;
    rows.sort((a, b) => known(b) - known(a) || (known(a) ? (numeric ? number(a, b) : order(a, b)) * (up ? 1 : -1) : 0));
    body.append(...rows);
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
  });
}
