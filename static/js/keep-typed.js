// Secrets are never sent back to a page. When htmx draws a form again with its errors, what was typed into fields with
// data-keep is carried over here, in the browser.

const typed = new Map();

document.addEventListener("htmx:beforeSwap", (event) => {
  for (const input of event.detail.target.querySelectorAll("[data-keep]")) typed.set(input.name, input.value);
});

document.addEventListener("htmx:afterSwap", () => {
  for (const input of document.querySelectorAll("[data-keep]")) if (typed.has(input.name)) input.value = typed.get(input.name);
  typed.clear();
});
