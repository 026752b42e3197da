// Lists that grow at the top: an element with `data-tail` asks for newer rows of the table body of that id.
// A row that is in use keeps its place on the screen. Nothing is asked while the page is hidden or a dialog is open; this
// holds for elements with `data-quiet` too.
const PAUSED = "dialog[open]";
let anchor: Element | null = null;
let top = 0;

function rowInUse(rows: Element): Element | null {
  const focused = document.activeElement?.closest("tr");
  if (focused && rows.contains(focused)) return focused;
  const hovered = rows.querySelector("tr:hover");
  if (hovered) return hovered;
  return window.scrollY > 0 ? ([...rows.children].find((row) => row.getBoundingClientRect().top >= 0) ?? null) : null;
}

function moved(row: Element): number {
  return Math.round(row.getBoundingClientRect().top - top);
}

function tailOf(event: Event): HTMLElement | null {
  return (event.target as Element | null)?.closest<HTMLElement>("[data-tail], [data-quiet]") ?? null;
}

export function startTail(): void {
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (tailOf(event) && (document.hidden || document.querySelector(PAUSED))) event.preventDefault();
  });
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const rows = document.getElementById(tailOf(event)?.dataset.tail ?? "");
    anchor = rows && rowInUse(rows);
    top = anchor?.getBoundingClientRect().top ?? 0;
  });
  document.body.addEventListener("htmx:oobAfterSwap", () => {
    if (!anchor?.isConnected) return;
    window.scrollBy(0, moved(anchor));
    const left = moved(anchor);
    if (left > 0) {
      // the page ends too early to scroll that far
      document.body.style.minHeight = `${document.documentElement.scrollHeight + left}px`;
      window.scrollBy(0, left);
    }
    anchor = null;
  });
}
