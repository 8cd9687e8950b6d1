// The window in which somebody agreed tells the page that opened it. It closes by itself after good news, and stays with bad news.

const ended = document.querySelector("[data-popup-ended]").dataset.popupEnded;
const channel = new BroadcastChannel("junction-authorize");
channel.postMessage(ended);
channel.close();

document.querySelector("[data-window-close]").addEventListener("click", () => window.close());
if (ended === "ok") window.close();
