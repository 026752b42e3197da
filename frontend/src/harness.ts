// One page with everything that a browser of Sealbus may run, for the test that holds it against the policy of the site.
import "./core";
import { GridStack } from "gridstack";
import gridCss from "gridstack/dist/gridstack.min.css";
import { css, html, LitElement } from "lit";
import uPlot from "uplot";
import plotCss from "uplot/dist/uPlot.min.css";
import { htmx } from "./hypermedia";

class Gauge extends LitElement {
  static override properties = { value: { type: Number } };
  static override styles = css`
    div { height: 10px; background: currentColor; }
  `;
  declare value: number;
  constructor() {
    super();
    this.value = 10;
  }
  override render() {
    // A property, not an attribute: Lit's styleMap would set the attribute at the first render, which the policy forbids.
    return html`<div .style=${`width:${this.value}px`}></div>`;
  }
}
customElements.define("x-gauge", Gauge);

function adopt(text: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text.replace(/background-image:url\("?data:[^)]*\)/g, ""));
  document.adoptedStyleSheets.push(sheet);
}

adopt(gridCss);
adopt(plotCss);
const host = document.getElementById("plot");
if (host) {
  const times = Array.from({ length: 500 }, (_, n) => 1_790_000_000 + n);
  const plot = new uPlot(
    { width: 400, height: 160, series: [{}, { stroke: "gray" }], cursor: { drag: { x: true, y: false } } },
    [times, times.map((time) => Math.sin(time / 40))],
    host,
  );
  plot.setScale("x", { min: times[100] ?? 0, max: times[300] ?? 1 });
}
const grid = GridStack.init({ column: 12, cellHeight: 40 });
grid?.addWidget({ x: 0, y: 0, w: 3, h: 2, content: "one" });
grid?.addWidget({ x: 3, y: 0, w: 3, h: 2, content: "two" });
document.querySelector("x-gauge")?.setAttribute("value", "80");
Object.assign(window, { htmx });
document.documentElement.dataset.ready = "yes";
