// Messages can be dismissed. Toasts with good news leave by themselves; an error stays until it is dismissed.

const STAYS_MS = 8000;

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".alert").remove();
});

function leave(toast) {
  setTimeout(() => (toast.matches(":hover, :focus-within") ? leave(toast) : toast.remove()), STAYS_MS);
}

const toasts = document.getElementById("toasts");
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node.matches?.('.alert[role="status"]')) leave(node);
}).observe(toasts, { childList: true });
