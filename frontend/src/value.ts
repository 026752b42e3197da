// `<sb-value tag="12" decimals="1" labels='{"0":"off"}'><b>2.4</b><i>kW</i><small></small></sb-value>`: a live value.
// The server writes the first text and the quality; from then on this element does. Quality is one attribute, `data-q`.
import type { Sample } from "./bus";
import { FollowingElement } from "./following";
import { ageText, DASH, type Look, QUALITIES, valueText } from "./format";
import { page, serverNow, word } from "./page";

const STALE = 3;
const BAD = 2;
const AGE_EVERY_MS = 1000;
const ageing = new Set<LiveValue>();

export class LiveValue extends FollowingElement {
  static readonly observedAttributes = ["tag"];
  private timeUs: number | null = null;

  override connectedCallback(): void {
    if (this.dataset.q === "past") return;
    const time = Number(this.getAttribute("time"));
    this.timeUs = time || null;
    if (this.dataset.q === "stale") ageing.add(this);
    super.connectedCallback();
  }

  override disconnectedCallback(): void {
    ageing.delete(this);
    super.disconnectedCallback();
  }

  attributeChangedCallback(): void {
    if (this.followed && this.followed !== this.tagId) {
      this.inView(false);
      this.inView(true);
    }
  }

  take(sample: Sample): void {
    const [, timeUs, value, quality, reason] = sample;
    this.timeUs = timeUs;
    this.write("b", quality === BAD ? DASH : valueText(value, this.look));
    this.dataset.q = QUALITIES[quality] ?? "bad";
    if (quality === STALE) ageing.add(this);
    else ageing.delete(this);
    const text = quality === 0 ? "" : (page.reasons[reason] ?? "");
    this.write("small", this.hasAttribute("terse") ? "" : text);
    if (text) this.title = text;
    else this.removeAttribute("title");
    if (quality === STALE) this.age();
    this.dispatchEvent(new CustomEvent("sb-sample", { bubbles: true, detail: sample }));
  }

  /** A stale value says how old it is. */
  age(): void {
    if (this.timeUs === null) return;
    const seconds = serverNow() / 1000 - this.timeUs / 1e6;
    this.write("small", ageText(seconds, [word("s"), word("min"), word("h"), word("d")]));
  }

  private get look(): Look {
    const decimals = this.getAttribute("decimals");
    const labels = this.getAttribute("labels");
    return {
      decimals: decimals === null || decimals === "" ? null : Number(decimals),
      labels: labels ? (JSON.parse(labels) as Record<string, string>) : null,
      lang: document.documentElement.lang,
      on: word("on"),
      off: word("off"),
    };
  }

  private write(selector: string, text: string): void {
    const element = this.querySelector(selector);
    if (element && element.textContent !== text) element.textContent = text;
  }
}

window.setInterval(() => {
  if (!document.hidden) for (const each of ageing) each.age();
}, AGE_EVERY_MS);
customElements.define("sb-value", LiveValue);
