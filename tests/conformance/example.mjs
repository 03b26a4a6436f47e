/** Lets the example for JavaScript take the trials named in TRIALS; prints what it held of each. */

import { createRequire } from "node:module";
import { Answer } from "../../docs/examples/tram_client.mjs";

const { WebSocket } = createRequire(new URL("../../frontend/package.json", import.meta.url))("ws");

async function take({ url, key, stop }) {
  const answer = new Answer(() => new WebSocket(url, ["tram.v1"], { headers: { Authorization: `Bearer ${key}` } }), "What is a tram?");
  let stopped = stop === null;
  answer.tell = ({ text }) => {
    if (!stopped && text.length >= stop) answer.stop((stopped = true));
  };
  try {
    return { end: (await answer.end).state, text: answer.text };
  } catch ({ code }) {
    return { end: code, text: answer.text };
  }
}

const trials = JSON.parse(process.env.TRIALS);
const taken = await Promise.all(trials.map(async (trial) => [trial.name, await take(trial)]));
console.log(JSON.stringify(Object.fromEntries(taken)));
