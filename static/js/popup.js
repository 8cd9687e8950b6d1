// <button name="popup">: the answer of its form comes in a window of its own. When that window says that it is done, this page
// shows the outcome. The two cannot reach each other after a visit to another site, so that they speak over a channel of this origin.

const NAME = "junction-authorize";

document.addEventListener("submit", (event) => {
  if (event.submitter?.name !== "popup") return;
  // Where the browser blocks it, the whole page goes instead.
  if (window.open("", NAME, "popup,width=560,height=720")) event.submitter.formTarget = NAME;
});

new BroadcastChannel(NAME).addEventListener("message", (event) => {
  const here = new URL(location.href);
  if (event.data === "ok") here.searchParams.set("test", "1");
  location.replace(here);
});
