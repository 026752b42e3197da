// Lists that grow at the top: an element with `data-tail` asks for newer rows of the table body of that id.
// Nothing is asked, by `data-quiet` neither, while the page is hidden or a dialog is open, and a row that is in use keeps its place on the screen.
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
    window.scrollBy(0, anchor.getBoundingClientRect().top - top);
    anchor = null;
  });
}
