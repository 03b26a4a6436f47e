/** Lets the published example for JavaScript ask a real site; prints what it held. */

import { createRequire } from "node:module";
import { Answer } from "../../docs/examples/tram_client.mjs";

const { WebSocket } = createRequire(new URL("../../frontend/package.json", import.meta.url))("ws");
const { TRAM_URL, TRAM_KEY } = process.env;
const url = `${TRAM_URL.replace("http", "ws")}/ws/chat/`;
const open = () => new WebSocket(url, ["tram.v1"], { headers: { Authorization: `Bearer ${TRAM_KEY}` } });

/** One answer; with `cut` the line breaks after its first text, with `stops` it is stopped there. */
async function ask(content, { cut = false, stops = false } = {}) {
  const answer = new Answer(open, content, { model: "gpt-4.1" });
  let armed = cut || stops;
  answer.tell = ({ text, socket }) => {
    if (!armed || text === "") return;
    armed = false;
    if (stops) answer.stop();
    else socket.terminate();
  };
  const { state } = await answer.end;
  return { state, text: answer.text };
}

const [short, cut, stopped] = await Promise.all([
  ask("Say something short"),
  ask("Show me a table", { cut: true }),
  ask("Write something long", { stops: true }),
]);
console.log(JSON.stringify({ short, cut, stopped }));
