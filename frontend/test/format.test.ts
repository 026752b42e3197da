import { describe, expect, it } from "vitest";
import cases from "../../tests/vectors/value_texts.json";
import { ageText, numberText, valueText } from "../src/format";

const look = { decimals: null, labels: null, lang: "en", on: "on", off: "off" };

describe("the text of a value", () => {
  it.each(cases.numbers)("is the same in the browser and on the server: %j", ({ value, decimals, lang, text }) => {
    expect(numberText(value, decimals, lang)).toBe(text);
  });
  it("is a dash where there is no value, never 0", () => {
    expect(valueText(null, look)).toBe("–");
  });
  it("is the label of a number that has one, for switches too", () => {
    const labels = { "0": "closed", "1": "open" };
    expect(valueText(1, { ...look, labels })).toBe("open");
    expect(valueText(false, { ...look, labels })).toBe("closed");
    expect(valueText(2, { ...look, labels })).toBe("2");
  });
  it("is the word of a switch", () => {
    expect(valueText(true, look)).toBe("on");
  });
});

describe("an age", () => {
  const units = ["s", "min", "h", "d"] as const;
  it.each([
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [3599, "59 min"],
    [3600, "1 h"],
    [172799, "47 h"],
    [172800, "2 d"],
    [-5, "0 s"],
  ])("of %d seconds is in the largest unit that it fills", (seconds, text) => {
    expect(ageText(seconds, units)).toBe(text);
  });
});
