/** Bundles the page's own client and lets it take the trials named in TRIALS; prints what it held of each. */

import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const frontend = new URL("../../frontend/", import.meta.url);
const require = createRequire(new URL("package.json", frontend));
const { WebSocket } = require("ws");
const outfile = fileURLToPath(new URL("node_modules/.cache/conformance.mjs", frontend));

await require("esbuild").build({
  absWorkingDir: fileURLToPath(frontend),
  bundle: true,
  entryPoints: ["tests/trials.ts"],
  format: "esm",
  logLevel: "warning",
  outfile,
  platform: "node",
  target: "node20",
});
const { take } = await import(pathToFileURL(outfile));

const open = ({ url, key }) => new WebSocket(url, ["tram.v1"], { headers: { Authorization: `Bearer ${key}` } });
const trials = JSON.parse(process.env.TRIALS);
const taken = await Promise.all(trials.map(async (trial) => [trial.name, await take(trial, () => open(trial))]));
console.log(JSON.stringify(Object.fromEntries(taken)));
process.exit(0);
