// Forms with `data-passkey`: "get" uses a key, "create" makes one. The form's own address gives the options as JSON, and the
// key's answer goes there as an ordinary form.
import { word } from "./page";
import { creationOptions, credentialJson, type Json, requestOptions } from "./webauthn_json";

const BUSY = 429;

class Refused extends Error {
  constructor(readonly status: number) {
    super(String(status));
  }
}

async function optionsOf(form: HTMLFormElement, member: string): Promise<Json> {
  const address = form.getAttribute("action") || location.href;
  const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
  if (!answer.ok || !isJson) throw new Refused(answer.status);
  const body = (await answer.json()) as Record<string, { publicKey: Json }>;
  const options = body[member];
  if (!options) throw new Refused(answer.status);
  return options.publicKey;
}

async function ask(form: HTMLFormElement): Promise<Credential | null> {
  if (form.dataset.passkey === "create") {
    const alone = form.querySelector<HTMLInputElement>("[name=passwordless]")?.checked ?? false;
    return navigator.credentials.create({
      publicKey: creationOptions(await optionsOf(form, "creation_options"), alone),
    });
  }
  return navigator.credentials.get({ publicKey: requestOptions(await optionsOf(form, "request_options")) });
}

function reasonOf(error: unknown): string {
  if (error instanceof Refused) return word(error.status === BUSY ? "passkey wait" : "passkey options");
  const name = error instanceof DOMException ? error.name : "";
  if (name === "InvalidStateError") return word("passkey known");
  if (name === "SecurityError") return word("passkey address");
  return word("passkey none");
}

function say(form: HTMLFormElement, text: string): void {
  const line = form.querySelector<HTMLElement>("[data-passkey-problem]");
  if (!line) return;
  line.textContent = text;
  line.hidden = text === "";
}

async function use(form: HTMLFormElement): Promise<void> {
  say(form, "");
  const button = form.querySelector("button");
  if (button) button.disabled = true;
  try {
    const credential = await ask(form);
    const field = form.querySelector<HTMLInputElement>("[name=credential]");
    if (!(credential instanceof PublicKeyCredential) || !field) throw new Error("no credential");
    field.value = JSON.stringify(credentialJson(credential));
    form.requestSubmit();
  } catch (error) {
    say(form, reasonOf(error));
  } finally {
    if (button) button.disabled = false;
  }
}

export function startPasskeys(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.dataset.passkey || form.querySelector<HTMLInputElement>("[name=credential]")?.value) return;
    event.preventDefault();
    if (window.PublicKeyCredential) void use(form);
    else say(form, word("passkey browser"));
  });
}
