// What is shown once, or must reach no log: the secret of a link, recovery codes, tokens.
const SHOWN_MS = 2000;

/** The secret is behind the "#", where no server and no log sees it. After a refused try the form has it already. */
function takeSecret(): void {
  const field = document.querySelector<HTMLInputElement>("[data-secret]");
  if (!field) return;
  field.value = location.hash.slice(1) || field.value;
  const lacking = document.querySelector<HTMLElement>("[data-secret-lacking]");
  if (lacking) lacking.hidden = field.value !== "";
  // a browser carries the part behind "#" on to the page that it is sent to next
  field.form?.addEventListener("submit", () => history.replaceState(null, "", location.pathname));
}

function textOf(id: string | undefined): string {
  return document.getElementById(id ?? "")?.textContent?.trim() ?? "";
}

function save(button: HTMLElement): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${textOf(button.dataset.save)}\n`], { type: "text/plain" }));
  link.download = button.dataset.file ?? "";
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), SHOWN_MS);
}

async function copy(button: HTMLElement): Promise<void> {
  await navigator.clipboard.writeText(textOf(button.dataset.copy));
  const label = button.querySelector("span");
  if (!label || !button.dataset.done) return;
  const before = label.textContent;
  if (before === button.dataset.done) return;
  label.textContent = button.dataset.done;
  window.setTimeout(() => {
    label.textContent = before;
  }, SHOWN_MS);
}

export function startOnce(): void {
  takeSecret();
  for (const button of document.querySelectorAll<HTMLElement>("[data-save], [data-copy]")) {
    button.hidden = Boolean(button.dataset.copy) && !navigator.clipboard;
    button.addEventListener("click", () => {
      if (button.dataset.save) save(button);
      else void copy(button);
    });
  }
}
