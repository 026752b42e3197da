// What the server says about this page, in one JSON element: `<script type="application/json" id="page">`.
export interface Page {
  /** The server's clock when the page was made, in milliseconds. */
  readonly now: number;
  /** The name of the CSRF cookie. */
  readonly csrf: string;
  /** Whether somebody is signed in: without, no socket is opened. */
  readonly signedIn: boolean;
  readonly version: string;
  readonly words: Readonly<Record<string, string>>;
  readonly reasons: readonly string[];
}

const NOTHING: Page = { now: Date.now(), csrf: "", signedIn: false, version: "", words: {}, reasons: [] };

function read(): Page {
  const text = document.getElementById("page")?.textContent;
  return text ? { ...NOTHING, ...(JSON.parse(text) as Partial<Page>) } : NOTHING;
}

export const page: Page = read();
const loaded = performance.now();

/** The server's clock, in milliseconds: the browser's own may be wrong. */
export function serverNow(): number {
  return page.now + (performance.now() - loaded);
}

/** A text of the catalogue, with its places filled: `word("cut since", "14:02")`. */
export function word(name: string, ...values: readonly string[]): string {
  let at = 0;
  return (page.words[name] ?? name).replace(/%s/g, () => values[at++] ?? "");
}
