// Keys: `g` and a letter goes to a place, `/` or Ctrl+K finds, `?` shows the keys, F1 explains the field that has focus.
// Single keys do nothing while somebody types, and can be switched off (WCAG 2.1.4).
const SECOND_KEY_MS = 1500;
let first = 0;

function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

function open(id: string): void {
  const dialog = document.getElementById(id) as HTMLDialogElement | null;
  if (dialog && !dialog.open) dialog.showModal();
}

function explain(target: Element | null): boolean {
  const field = target?.closest(".field");
  const help = field?.querySelector<HTMLAnchorElement>("a.help");
  if (!help) return false;
  help.click();
  return true;
}

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open("find");
      return;
    }
    if (event.key === "F1" && explain(document.activeElement)) {
      event.preventDefault();
      return;
    }
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.documentElement.dataset.keys === "off" || document.querySelector("dialog[open]")) return;
    if (performance.now() - first < SECOND_KEY_MS) {
      first = 0;
      const link = document.querySelector<HTMLAnchorElement>(`a[data-go="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        link.click();
        return;
      }
    }
    if (event.key === "g") first = performance.now();
    else if (event.key === "/") {
      event.preventDefault();
      open("find");
    } else if (event.key === "?") open("keys");
  });
  document.addEventListener("keydown", (event) => {
    const list = (event.target as Element | null)?.closest("dialog#find");
    if (!list || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const stops = [...list.querySelectorAll<HTMLElement>("input, .find-list a")];
    const at = stops.indexOf(document.activeElement as HTMLElement);
    const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
}
