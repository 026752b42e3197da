// The header and what a page says about itself: state of the live connection, the tick, palette, dialogs.
import { bus, type LinkState } from "./bus";
import { serverNow, word } from "./page";

const STATE_EVERY_MS = 1000;
const YEAR_S = 31536000;
const WORDS: Record<LinkState, string> = {
  starting: "connecting",
  live: "live",
  silent: "behind",
  "cut-off": "behind",
  cut: "cut off",
};

/** A time of day in the zone of the site. */
export function clock(milliseconds: number): string {
  const zone = document.documentElement.dataset.zone;
  const options: Intl.DateTimeFormatOptions = {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  };
  return new Intl.DateTimeFormat("en-GB", zone ? { ...options, timeZone: zone } : options).format(milliseconds);
}

function showLink(): void {
  const root = document.documentElement;
  root.dataset.link = bus.state === "cut" ? "cut" : bus.state === "live" ? "live" : "behind";
  const line = document.querySelector("[data-link-state]");
  if (line) line.textContent = word(WORDS[bus.state]);
  const banner = document.getElementById("link-banner");
  if (!banner) return;
  const since = clock(serverNow() - (performance.now() - bus.since));
  const wait = Math.max(0, Math.ceil((bus.retryAt - performance.now()) / 1000));
  let text = "";
  if (bus.state === "cut") text = `${word("cut off since", since)} ${word("trying again", String(wait))}`;
  else if (bus.state === "silent" || bus.state === "cut-off") text = word("collector silent since", since);
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = text === "";
}

function showClock(): void {
  const time = document.querySelector("[data-clock]");
  if (time) time.textContent = clock(serverNow());
  if (bus.state === "cut") showLink();
}

/** The tick moves only when data arrives: a frozen browser or a dead line is seen on a wall. */
function startTick(): void {
  let at = 0;
  bus.addEventListener("data", () => {
    const teeth = document.querySelectorAll(".comb i");
    if (!teeth.length) return;
    teeth[at % teeth.length]?.classList.remove("at");
    at += 1;
    teeth[at % teeth.length]?.classList.add("at");
  });
}

/** What is chosen for this browser: kept in a cookie, so that the server draws the first paint right. */
function choose(name: string, value: string): void {
  const attribute = `data-${name}`;
  if (value) document.documentElement.setAttribute(attribute, value);
  else document.documentElement.removeAttribute(attribute);
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in Safari
  document.cookie = `sealbus-${name}=${value}; path=/; max-age=${value ? YEAR_S : 0}; samesite=lax`;
  if (name === "language") location.reload();
}

export function startChrome(): void {
  bus.addEventListener("state", showLink);
  window.setInterval(showClock, STATE_EVERY_MS);
  startTick();
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  document.querySelector<HTMLElement>("[data-wrong] :is(input, select, textarea)")?.focus();
  document.addEventListener("change", (event) => {
    const input = event.target as HTMLInputElement;
    const name = input.dataset.choose;
    if (name) choose(name, input.value);
  });
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const opener = target.closest<HTMLElement>("[data-open]");
    if (opener?.dataset.open) {
      event.preventDefault();
      (document.getElementById(opener.dataset.open) as HTMLDialogElement | null)?.showModal();
    }
    if (target.closest("[data-close]")) target.closest("dialog")?.close();
    if (target instanceof HTMLDialogElement) target.close();
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.who[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    const target = (event as CustomEvent<{ target: Element }>).detail.target;
    const dialog = target.closest("dialog");
    if (dialog && !dialog.open && target.childElementCount) dialog.showModal();
  });
}
