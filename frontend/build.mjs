/**
 * Builds the page into build/: app.js with its chunks, app.css with fonts, batches.js and batches.css of the
 * pages about batches, keys.js and keys.css of those about API keys, doors.js and doors.css of the one about
 * the doors for programs, theme.js, icons.svg and mark.svg.
 */

import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const outdir = path.join(here, "build");
const watch = process.argv.includes("--watch");

/** Every browser that runs the page reads woff2, so KaTeX's older font formats are left out. */
const onlyWoff2 = {
  name: "only-woff2",
  setup(build) {
    build.onLoad({ filter: /katex(\.min)?\.css$/ }, async ({ path: file }) => {
      const css = await readFile(file, "utf8");
      const olderFormat = /,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\("[^"]*"\)/g;
      return { contents: css.replace(olderFormat, ""), loader: "css" };
    });
  },
};

const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: !watch,
  target: ["es2022", "chrome123", "firefox125", "safari17.5"],
  legalComments: "none",
  logLevel: "warning",
  outdir,
};

const page = {
  ...shared,
  entryPoints: { app: "src/app.ts", batches: "src/batches.ts", keys: "src/keys.ts", doors: "src/doors.ts" },
  format: "esm",
  splitting: true,
  // Chunks carry their own fingerprint and are named relative to app.js, so the server may rename app.js alone.
  chunkNames: "chunks/[name]-[hash]",
};

/** A classic script, as modules run only after the first paint. */
const theme = { ...shared, entryPoints: { theme: "src/theme.ts" }, format: "iife" };

const styles = {
  ...shared,
  entryPoints: { app: "css/app.css", batches: "css/batches.css", keys: "css/keys.css", doors: "css/doors.css" },
  assetNames: "fonts/[name]-[hash]",
  loader: { ".woff2": "file" },
  plugins: [onlyWoff2],
};

/** Joins the icons named in icons.json, from the icon package, into one sprite. */
async function writeIcons() {
  const names = JSON.parse(await readFile(path.join(here, "icons.json"), "utf8"));
  const symbols = await Promise.all(names.map(symbol));
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
  await writeFile(path.join(outdir, "icons.svg"), sprite);
}

async function symbol(name) {
  const file = path.join(here, "node_modules", "lucide-static", "icons", `${name}.svg`);
  const source = await readFile(file, "utf8");
  const shapes = source.slice(source.indexOf(">", source.indexOf("<svg")) + 1, source.lastIndexOf("</svg>"));
  return `<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s*\n\s*/g, "")}</symbol>`;
}

const variants = [page, theme, styles];
await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });
await writeIcons();
await copyFile(path.join(here, "mark.svg"), path.join(outdir, "mark.svg"));
if (watch) {
  for (const options of variants) await (await esbuild.context(options)).watch();
} else {
  await Promise.all(variants.map((options) => esbuild.build(options)));
}
