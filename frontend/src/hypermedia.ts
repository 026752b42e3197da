// htmx under the strict policy: no eval, no inline handlers, no scripts from fragments, morphing swaps, CSRF from the cookie.
import htmx from "htmx.org";
import { Idiomorph } from "idiomorph";
import { page } from "./page";

const LIVE = "sb-value, [data-live]";
const DOCUMENT = 9;

Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  historyRestoreAsHxRequest: false,
  refreshOnHistoryMiss: true,
  timeout: 10000,
  defaultSettleDelay: 0,
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "422", swap: true },
    { code: "[45]..", swap: false, error: true },
  ],
});

htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap: (style, target, fragment) => {
    if (style !== "morph") return false;
    const source =
      fragment.nodeType === DOCUMENT || fragment.nodeType === Node.DOCUMENT_FRAGMENT_NODE
        ? [...fragment.childNodes]
        : [fragment];
    return Idiomorph.morph(target, source, {
      morphStyle: "outerHTML",
      ignoreActiveValue: true,
      callbacks: {
        beforeNodeMorphed: (old: Node, fresh: Node) => {
          if (!(old instanceof Element && fresh instanceof Element)) return true;
          if (old.hasAttribute("data-editing")) return false;
          return !(old.matches(LIVE) && old.getAttribute("tag") === fresh.getAttribute("tag"));
        },
        beforeAttributeUpdated: (name: string, node: Element) => name !== "open" || !node.matches("dialog, details"),
      },
    }) as Node[];
  },
});

export function cookie(name: string): string {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

export function startHypermedia(): void {
  document.body.addEventListener("htmx:configRequest", (event) => {
    const { headers } = (event as CustomEvent<{ headers: Record<string, string> }>).detail;
    headers["X-CSRFToken"] = cookie(page.csrf);
  });
}
export { htmx };
