// data-copy="id" copies the text or the value of that element. Without a clipboard (plain http) the text is selected instead.

const SHOWN_MS = 1600;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    tell(button, "Copied");
  } catch {
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    tell(button, "Selected: press Ctrl+C");
  }
});

function tell(button, text) {
  button.dataset.label ??= button.getAttribute("aria-label");
  button.setAttribute("aria-label", text);
  button.title = text;
  button.classList.add("copied");
  setTimeout(() => {
    button.setAttribute("aria-label", button.dataset.label);
    button.removeAttribute("title");
    button.classList.remove("copied");
  }, SHOWN_MS);
}
