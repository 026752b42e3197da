// When the session has ended, signing in happens in a window above the page, and the page stays as it is: nothing typed is lost.
import { bus } from "./bus";
import { page } from "./page";

const CHANNEL = "sealbus-session";
const UNAUTHORISED = 401;

function dialog(): HTMLDialogElement | null {
  return document.getElementById("session-ended") as HTMLDialogElement | null;
}

export function startSession(): void {
  const ended = () => {
    const box = dialog();
    if (box && !box.open && page.signedIn) box.showModal();
  };
  bus.addEventListener("denied", ended);
  document.body.addEventListener("htmx:responseError", (event) => {
    if ((event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr.status === UNAUTHORISED) ended();
  });
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = () => {
    dialog()?.close();
    bus.open();
  };
  if (document.documentElement.hasAttribute("data-signed-in-again")) {
    channel.postMessage("signed in");
    window.close();
  }
}
