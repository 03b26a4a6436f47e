/** Bundles the tests and runs them with Node's own runner. */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const outdir = path.join(here, "node_modules", ".cache", "tests");
const tests = readdirSync(path.join(here, "tests")).filter((name) => name.endsWith(".test.ts"));

await esbuild.build({
  absWorkingDir: here,
  bundle: true,
  entryPoints: tests.map((name) => `tests/${name}`),
  format: "esm",
  logLevel: "warning",
  outdir,
  outExtension: { ".js": ".mjs" },
  platform: "node",
  target: "node20",
});

const files = tests.map((name) => path.join(outdir, name.replace(/\.ts$/, ".mjs")));
const run = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files], { stdio: "inherit" });
process.exit(run.status ?? 1);
