// The one Trusted Types policy: htmx parses answers of this site by a sink. Fragments run nothing, because the content
// security policy allows scripts from files of this site only.
interface Factory {
  createPolicy(name: string, rules: { createHTML: (text: string) => string }): unknown;
}
const factory = (window as unknown as { trustedTypes?: Factory }).trustedTypes;
factory?.createPolicy("default", { createHTML: (text) => text });
