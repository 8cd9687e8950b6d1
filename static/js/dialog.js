// data-dialog="id" opens that <dialog>; data-close, Escape (by itself) and a click beside it close it.
// A link with data-dialog leads to a page that asks the same question where scripts are off.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.dialog).showModal();
    return;
  }
  if (event.target.closest("[data-close]") || event.target.matches("dialog[open]")) event.target.closest("dialog").close();
});
