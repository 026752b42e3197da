// Builds what the browser runs into the package: `node build.mjs [--out FOLDER]`. The same sources give the same bytes.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { browserslistToTargets, transform } from "lightningcss";
import subsetFont from "subset-font";

const here = path.dirname(fileURLToPath(import.meta.url));
const flag = process.argv.indexOf("--out");
const web = path.join(here, "../src/sealbus/web/pages");
const out = flag > 0 ? path.resolve(process.argv[flag + 1]) : web;
const folder = path.join(out, "static/pages");
const TARGETS = ["chrome111", "firefox113", "safari16.4"];
const PRINTABLE = [
  [0x20, 0x7e],
  [0xa0, 0x17f],
  [0x2b9, 0x2bc],
].flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, n) => String.fromCodePoint(from + n)));
const EXTRA = [..."‐‑–—‘’‚“”„…•′″‰€№™←↑→↓↵⌘⏎∆Ωµ−∓∕∙√∞≈≠≤≥×÷±°²³₂₃½¼¾△▽▲▼●○■□◆◇✓✕␣"];
const FEATURES = ["calt", "case", "ccmp", "kern", "locl", "mark", "mkmk", "tnum", "zero"];
const MODULES = { core: "core.ts", harness: "harness.ts" };
const COMMITTED = ["core"];

// Components that are part of the built files, with the file that carries their licence.
const VENDORED = [
  { name: "htmx.org", files: ["core.js"], licence: "0BSD" },
  { name: "idiomorph", files: ["core.js"], licence: "0BSD" },
  { name: "@tabler/icons", files: ["icons.svg"], licence: "MIT" },
  { name: "inter-ui", files: ["inter.woff2"], licence: "OFL-1.1" },
];

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function bundle() {
  const wanted = process.argv.includes("--harness") ? Object.keys(MODULES) : COMMITTED;
  const result = await build({
    entryPoints: Object.fromEntries(wanted.map((name) => [name, path.join(here, "src", MODULES[name])])),
    bundle: true,
    minify: true,
    format: "esm",
    target: TARGETS,
    charset: "utf8",
    legalComments: "none",
    outdir: folder,
    write: false,
    loader: { ".css": "text" },
  });
  return Object.fromEntries(result.outputFiles.map((file) => [path.basename(file.path), Buffer.from(file.contents)]));
}

function tokens(source) {
  const block = (palette) =>
    Object.entries(source.colours)
      .map(([name, values]) => `--${name}:oklch(${values[palette]});`)
      .concat(Object.entries(source.weights).map(([name, values]) => `--${name}:${values[palette]};`))
      .join("");
  const dark = "color-scheme:dark;";
  return [
    `:root,[data-palette=day]{color-scheme:light;${block(0)}}`,
    `@media (prefers-color-scheme:dark){:root:not([data-palette]){${dark}${block(1)}}}`,
    `[data-palette=dusk]{${dark}${block(1)}}`,
    `[data-palette=night]{${dark}${block(2)}}`,
  ].join("\n");
}

async function styles(fontDigest) {
  const names = (await readdir(path.join(here, "src/css"))).filter((name) => name.endsWith(".css")).sort();
  const parts = await Promise.all(names.map((name) => readFile(path.join(here, "src/css", name), "utf8")));
  const source = JSON.parse(await readFile(path.join(here, "src/tokens.json"), "utf8"));
  const face = `@font-face{font-family:"Inter S";src:url("inter.woff2?v=${fontDigest.slice(0, 12)}") format("woff2");font-weight:400 700;font-display:swap}`;
  const code = [
    "@layer tokens, base, shell, parts, pages, print;",
    `@layer tokens{${tokens(source)}}`,
    face,
    ...parts,
  ].join("\n");
  const built = transform({
    filename: "pages.css",
    code: Buffer.from(code),
    minify: true,
    targets: browserslistTargets(),
  });
  const text = Buffer.from(built.code);
  if (/data:|@import|https?:/.test(text.toString())) throw new Error("pages.css names something outside the site");
  return text;
}

function browserslistTargets() {
  return browserslistToTargets(TARGETS.map((target) => target.replace(/^([a-z]+)([0-9.]+)$/, "$1 $2")));
}

async function icons() {
  const names = (await readFile(path.join(here, "src/icons.txt"), "utf8")).split(/\s+/).filter(Boolean).sort();
  const symbols = [];
  for (const name of names) {
    const own = path.join(here, "icons", `${name}.svg`);
    const svg = await readFile(own, "utf8").catch(() =>
      readFile(path.join(here, "node_modules/@tabler/icons/icons/outline", `${name}.svg`), "utf8"),
    );
    const inner = svg
      .replace(/<!--[\s\S]*?-->/g, "")
      .replace(/[\s\S]*?<svg[^>]*>/, "")
      .replace("</svg>", "")
      .replace(/<path stroke="none"[^>]*>/g, "")
      .replace(/\s+/g, " ")
      .replace(/> </g, "><")
      .trim();
    if (/style=|<script|href=/.test(inner)) throw new Error(`${name}.svg has style, script or a link`);
    symbols.push(`<symbol id="${name}" viewBox="0 0 24 24">${inner}</symbol>`);
  }
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
}

async function font() {
  const source = await readFile(path.join(here, "node_modules/inter-ui/variable/InterVariable.woff2"));
  const text = [...new Set([...PRINTABLE, ...EXTRA])].join("");
  return subsetFont(source, text, {
    targetFormat: "woff2",
    keepFeatures: FEATURES,
    variationAxes: { wght: { min: 400, max: 700 }, opsz: 14 },
  });
}

async function licences(files) {
  const lines = [
    "# Written by frontend/build.mjs: what of others is in the built files, and each file that a browser is sent.",
    "",
  ];
  for (const { name, files: where, licence } of VENDORED) {
    const home = path.join(here, "node_modules", name);
    const { version } = JSON.parse(await readFile(path.join(home, "package.json"), "utf8"));
    const known = (await readdir(home)).find((each) => /^licen[cs]e/i.test(each));
    if (!known) throw new Error(`${name} has no licence file`);
    const text = (await readFile(path.join(home, known), "utf8")).replaceAll("\r", "").trim();
    lines.push("[[component]]", `name = "${name}"`, `version = "${version}"`, `licence = "${licence}"`);
    lines.push(`files = [${where.map((file) => `"${file}"`).join(", ")}]`, `text = '''\n${text}\n'''`, "");
  }
  for (const [name, bytes] of Object.entries(files).sort()) {
    if (name === "harness.js") continue;
    const packed = /\.(js|css|svg)$/.test(name) ? gzipSync(bytes, { level: 9 }).length : bytes.length;
    lines.push("[[file]]", `name = "${name}"`, `sha256 = "${digest(bytes)}"`, `bytes = ${bytes.length}`);
    lines.push(`sent = ${packed}`, "");
  }
  return lines.join("\n");
}

const scripts = await bundle();
const inter = await font();
const files = {
  ...scripts,
  "inter.woff2": inter,
  "icons.svg": await icons(),
  "icon.svg": await readFile(path.join(here, "icons/icon.svg")),
  "pages.css": await styles(digest(inter)),
};
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
for (const [name, bytes] of Object.entries(files)) await writeFile(path.join(folder, name), bytes);
await writeFile(path.join(out, "vendor.toml"), await licences(files));
