// Menus are <details class="menu">, the navigation of small screens is a popover: both open and close without a script.
// This closes an open menu on Escape and on a click elsewhere, as people expect of a menu.

// Of a long list in a pane it shows the place where one is.

const openMenus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

for (const item of document.querySelectorAll(".pane-item[aria-current]")) {
  const list = item.closest(".pane-items");
  list.scrollTop = item.offsetTop - list.clientHeight / 2;
}
