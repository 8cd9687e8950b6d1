// Leaving a page with typed but unsaved input asks first: <form data-unsaved>. Posting any form of the page is no leaving.

let changed = false;

document.addEventListener("input", (event) => {
  if (event.target.closest("form[data-unsaved]")) changed = true;
});

document.addEventListener("submit", (event) => {
  if (event.target.method === "post") changed = false;
});

window.addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
