// How a value is written. The server writes it the same way (`pages/values.py`), so that nothing jumps when it becomes live.
export type Value = number | string | boolean | null;
export const QUALITIES = ["good", "uncertain", "bad", "stale"] as const;
export type Quality = (typeof QUALITIES)[number];
export const DASH = "–";
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

export interface Look {
  readonly decimals: number | null;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly lang: string;
  readonly on: string;
  readonly off: string;
}

export function valueText(value: Value, look: Look): string {
  if (value === null) return DASH;
  if (typeof value === "string") return value === "" ? "“”" : value;
  const label = look.labels?.[typeof value === "boolean" ? String(Number(value)) : String(value)];
  if (label !== undefined) return label;
  if (typeof value === "boolean") return value ? look.on : look.off;
  return numberText(value, look.decimals, look.lang);
}

export function numberText(value: number, decimals: number | null, lang: string): string {
  const size = Math.abs(value);
  if (decimals === null && size !== 0 && (size >= 1e9 || size < 1e-4)) {
    return decimalComma(value.toExponential(3), lang).replace("-", "−");
  }
  const digits = decimals ?? (Number.isInteger(value) ? 0 : Math.max(0, 5 - Math.floor(Math.log10(size)) - 1));
  let text = value.toFixed(Math.min(digits, 20));
  if (decimals === null && text.includes(".")) text = text.replace(/\.?0+$/, "");
  if (Number(text) === 0) text = text.replace("-", "");
  return decimalComma(text, lang).replace("-", "−");
}

function decimalComma(text: string, lang: string): string {
  return lang.startsWith("de") ? text.replace(".", ",") : text;
}

/** An age in the largest unit that it fills: "4 min". Seconds are whole; nothing is rounded up. */
export function ageText(seconds: number, units: readonly [string, string, string, string]): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} ${units[0]}`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} ${units[1]}`;
  if (whole < 2 * DAY) return `${Math.floor(whole / HOUR)} ${units[2]}`;
  return `${Math.floor(whole / DAY)} ${units[3]}`;
}
