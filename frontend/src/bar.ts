// `<sb-bar tag="12" scale="0,2,4,6">` around a bar that the server drew: moves its hand when a value arrives.
import type { Sample } from "./bus";
import { FollowingElement } from "./following";

const BAND_AT = [36, 64] as const;
const EDGE = 1;
const OUT_OF_SIGHT = -10;

/** Where a value lies, in percent: the rule of `pages/drawings.py`. The scale has two ends, or four with a normal range. */
export function place(value: number, scale: readonly number[]): number {
  const at = scale.length === 4 ? [0, ...BAND_AT, 100] : [0, 100];
  const bounded = Math.min(Math.max(value, scale[0] ?? 0), scale[scale.length - 1] ?? 0);
  for (let piece = 1; piece < scale.length; piece += 1) {
    const [below = 0, above = 0] = [scale[piece - 1], scale[piece]];
    const [start = 0, end = 0] = [at[piece - 1], at[piece]];
    if (bounded <= above) {
      const part = above === below ? 0 : (bounded - below) / (above - below);
      return Math.min(Math.max(start + part * (end - start), EDGE), 100 - EDGE);
    }
  }
  return 100 - EDGE;
}

class LiveBar extends FollowingElement {
  take(sample: Sample): void {
    const scale = (this.getAttribute("scale") ?? "").split(",").map(Number);
    const value = sample[2];
    const at = typeof value === "number" ? place(value, scale) : OUT_OF_SIGHT;
    this.querySelector(".hand")?.setAttribute("x", `${at.toFixed(1)}%`);
  }
}

customElements.define("sb-bar", LiveBar);
