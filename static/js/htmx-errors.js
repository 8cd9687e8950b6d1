// A request of htmx that fails says so. What was typed stays on the page; nothing is lost in silence.

const BY_STATUS = {
  401: ["You are signed out", "Sign in again in another tab, then repeat this here."],
  403: ["This was refused", "You may not do this, or the page is too old. Reload the page and try again."],
  404: ["This is gone", "Somebody else may have deleted it. Reload the page to see what is there."],
  409: ["Somebody else changed this", "Reload the page to see the present state, then repeat your change."],
  413: ["This is too large", "Send a smaller file or a shorter text."],
  429: ["Too many requests", "Wait a minute, then try again."],
};

function tell(title, text) {
  const toasts = document.getElementById("toasts");
  // A page that polls would pile up the same sentence.
  for (const shown of toasts.querySelectorAll(".alert-title")) if (shown.textContent === title) return;
  const alert = document.getElementById("request-failed").content.cloneNode(true);
  alert.querySelector(".alert-title").textContent = title;
  alert.querySelector(".alert-text").textContent = text;
  toasts.append(alert);
}

const unreachable = () => tell("Junction does not answer", "Nothing was saved. Check your network, then try again.");

document.addEventListener("htmx:sendError", unreachable);
document.addEventListener("htmx:timeout", unreachable);
document.addEventListener("htmx:swapError", () => tell("The answer could not be shown", "Reload the page to see the present state."));
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  const [title, text] = BY_STATUS[status] ?? [`The server reported an error (${status})`, "Nothing was saved. Try again; if it comes back, tell your administrator."];
  tell(title, text);
});
