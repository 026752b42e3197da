// What a faceplate says below its value: quality, reason and time of the sample, in the words that the server has put there.
import type { Sample } from "./bus";
import { clock } from "./chrome";
import { QUALITIES } from "./format";
import { page } from "./page";

export function startSaid(): void {
  document.addEventListener("sb-sample", (event) => {
    const line = (event.target as Element).closest("[data-gauge]")?.querySelector<HTMLElement>("[data-said]");
    if (!line) return;
    const [, timeUs, , quality, reason] = (event as CustomEvent<Sample>).detail;
    const name = QUALITIES[quality] ?? "bad";
    const why = quality === 0 ? "" : (page.reasons[reason] ?? "");
    const when = timeUs === null ? "" : ` · ${(line.dataset.sample ?? "%s").replace("%s", clock(timeUs / 1000))}`;
    const text = `${line.dataset[name] ?? name}${why ? `: ${why}` : ""}${when}`;
    if (line.textContent !== text) line.textContent = text;
  });
}
