// Rows of inputs that can be added and removed: <div data-rows> with [data-row], [data-row-remove], [data-row-add].
// A new row is a copy of the last one, emptied (a tick box with data-ticked is ticked then). Where the server counts its rows, data-rows-count is the id of the input with
// their number: then the number in names and ids goes up with it.

document.addEventListener("click", (event) => {
  const add = event.target.closest("[data-row-add]");
  if (add) return void append(add.closest("[data-rows]"));
  const remove = event.target.closest("[data-row-remove]");
  if (remove) drop(remove.closest("[data-row]"));
});

function append(rows) {
  const last = [...rows.querySelectorAll("[data-row]")].at(-1);
  const row = last.cloneNode(true);
  const counter = rows.dataset.rowsCount && document.getElementById(rows.dataset.rowsCount);
  if (counter) {
    const number = counter.value++;
    for (const part of row.querySelectorAll("[name], [id], [for]"))
      for (const name of ["name", "id", "for"]) {
        const old = part.getAttribute(name);
        if (old) part.setAttribute(name, old.replace(/-\d+-/, `-${number}-`));
      }
  }
  row.hidden = false;
  empty(row);
  last.after(row);
  row.querySelector("input:not([type=hidden]), select, textarea").focus();
}

function drop(row) {
  const rows = row.closest("[data-rows]");
  const shown = [...rows.querySelectorAll("[data-row]:not([hidden])")];
  const place = shown.indexOf(row);
  const marked = row.querySelector('[name$="-DELETE"]');
  // The server counts its rows, so a counted one is marked and hidden; others go, but the last one is only emptied.
  if (marked) {
    marked.checked = true;
    row.hidden = true;
  } else if (shown.length > 1) row.remove();
  else empty(row);
  (shown[place + 1] ?? rows).querySelector("input:not([type=hidden]), [data-row-add]")?.focus();
}

function empty(row) {
  for (const input of row.querySelectorAll("input, textarea, select")) {
    if (input.type === "checkbox") input.checked = "ticked" in input.dataset;
    else if (input.tagName === "SELECT") input.selectedIndex = 0;
    else input.value = "";
    input.removeAttribute("aria-invalid");
    input.disabled = false;
  }
  for (const errors of row.querySelectorAll(".field-errors")) errors.remove();
}
