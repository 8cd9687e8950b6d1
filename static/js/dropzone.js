// A drop zone is a file input without it. With it the input fills the zone, which glows under a file and names the chosen one.

function prepare(zone) {
  const input = zone.querySelector('input[type="file"]');
  const title = zone.querySelector("[data-dropzone-title]");
  const invitation = title.textContent;

  const show = () => {
    const file = input.files[0];
    title.textContent = file ? `${file.name} (${size(file.size)})` : invitation;
    zone.classList.toggle("chosen", Boolean(file));
  };
  const glow = (on) => () => zone.classList.toggle("dragging", on);

  zone.classList.add("ready");
  title.setAttribute("aria-live", "polite");
  // The input lies over the zone, so the browser itself takes the drop and fills it.
  for (const name of ["dragenter", "dragover"]) input.addEventListener(name, glow(true));
  for (const name of ["dragleave", "drop", "dragend"]) input.addEventListener(name, glow(false));
  input.addEventListener("change", show);
  show();
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function prepareAll() {
  document.querySelectorAll("[data-dropzone]:not(.ready)").forEach(prepare);
}

prepareAll();
document.addEventListener("htmx:load", prepareAll);
