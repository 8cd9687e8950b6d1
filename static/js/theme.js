// Light, dark or as the system. The choice is a cookie, so that the server writes it into <html> and no page flashes.

const buttons = document.querySelectorAll("[data-theme-choice]");
const root = document.documentElement;

function show() {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.themeChoice === (root.dataset.theme ?? "")));
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    const theme = button.dataset.themeChoice;
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.cookie = `theme=${theme}; path=/; samesite=lax; max-age=${theme ? 31536000 : 0}`;
    show();
  });
}

show();
