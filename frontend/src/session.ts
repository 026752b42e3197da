// When the session has ended, signing in happens in a window above the page, and the page stays as it is: nothing typed is lost.
import { bus } from "./bus";
import { cookie } from "./hypermedia";
import { page } from "./page";

const CHANNEL = "sealbus-session";
const UNAUTHORISED = 401;
const PROBE = "/find";
const PROBE_EVERY_MS = 5000;

type Standing = "signed in" | "ended" | "unknown";

function dialog(): HTMLDialogElement | null {
  return document.getElementById("session-ended") as HTMLDialogElement | null;
}

function showEnded(): void {
  const box = dialog();
  if (box && !box.open && page.signedIn) box.showModal();
}

/** Asked as a fragment, so that the answer is 401 and no redirect. */
async function standing(): Promise<Standing> {
  try {
    const answer = await fetch(PROBE, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    if (answer.status === UNAUTHORISED) return "ended";
    return answer.ok ? "signed in" : "unknown";
  } catch {
    return "unknown";
  }
}

/** Signing in again gives a new CSRF token; the form of before has the old one. */
function renewToken(form: HTMLFormElement): void {
  const field = form.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]");
  const token = cookie(page.csrf);
  if (field && token) field.value = token;
}

function isConnected(): boolean {
  return bus.state !== "cut" && bus.state !== "starting";
}

/** A form that the browser sends itself would end on another page: with a dead session what was typed would be gone. */
function startGuard(): void {
  const checked = new WeakSet<HTMLFormElement>();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
    renewToken(form);
    if (!dialog() || !page.signedIn || isConnected() || checked.has(form)) return;
    event.preventDefault();
    const { submitter } = event;
    void standing().then((found) => {
      if (found === "ended") showEnded();
      else if (found === "unknown") document.getElementById("link-banner")?.scrollIntoView();
      else {
        checked.add(form);
        form.requestSubmit(submitter);
      }
    });
  });
}

export function startSession(): void {
  let isTold = false;
  let probedAt = Number.NEGATIVE_INFINITY;
  const ended = () => {
    if (!isTold) showEnded();
    isTold = true;
  };
  bus.addEventListener("denied", ended);
  bus.addEventListener("state", () => {
    if (bus.state !== "cut" || performance.now() - probedAt < PROBE_EVERY_MS) return;
    probedAt = performance.now();
    void standing().then((found) => {
      if (found === "ended") ended();
    });
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    if ((event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr.status === UNAUTHORISED) showEnded();
  });
  startGuard();
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = () => {
    isTold = false;
    dialog()?.close();
    bus.hurry();
  };
  if (document.documentElement.hasAttribute("data-signed-in-again")) {
    channel.postMessage("signed in");
    window.close();
  }
}
