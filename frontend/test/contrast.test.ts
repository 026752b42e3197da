// Contrast of all pairs in use, from the same tokens that the built style sheet has (WCAG 2.2: 4.5 for text, 3 for graphics).
import { describe, expect, it } from "vitest";
import tokens from "../src/tokens.json";

type Name = keyof typeof tokens.colours;
const PALETTES = ["day", "dusk", "night"] as const;
const GROUNDS: readonly Name[] = ["ground", "panel", "raise", "field", "sunk", "hover"];
const TEXT: readonly (readonly [Name, readonly Name[]])[] = [
  ["ink", GROUNDS],
  ["ink-2", GROUNDS],
  ["ink-3", ["ground", "panel", "raise", "field", "sunk", "hover"]],
  ["stale", ["ground", "panel", "raise"]],
  ["inv-i", ["inv"]],
  ["past-i", ["past"]],
  ["head-ink", ["head"]],
  ["head-2", ["head"]],
  ["a1-i", ["a1"]],
  ["a2-i", ["a2"]],
  ["a3-i", ["a3"]],
  ["a4-i", ["a4"]],
  ["ground", ["ink-3"]],
];
const GRAPHICS: readonly (readonly [Name, readonly Name[]])[] = [
  ["line-2", ["ground", "panel", "raise"]],
  ["focus", GROUNDS],
  ["pend", ["ground", "panel"]],
  ["hand", ["panel", "band", "track"]],
  ["spark", ["panel"]],
  ["head-line-2", ["head"]],
  ["past", ["ground", "panel"]],
];

function luminance(oklch: string): number {
  const [l = 0, c = 0, h = 0] = oklch.split(" ").map(Number);
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clamp = (value: number) => Math.min(1, Math.max(0, value));
  const red = clamp(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short);
  const green = clamp(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short);
  const blue = clamp(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

describe.each(PALETTES.map((name, index) => [name, index] as const))("in the palette %s", (_, index) => {
  const colour = (name: Name) => tokens.colours[name][index] ?? "";
  for (const [least, pairs] of [
    [4.5, TEXT],
    [3, GRAPHICS],
  ] as const) {
    for (const [front, grounds] of pairs) {
      it.each(grounds)(`${front} can be told from %s`, (ground) => {
        expect(contrast(colour(front), colour(ground))).toBeGreaterThanOrEqual(least);
      });
    }
  }
});
