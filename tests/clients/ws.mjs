/** The relay's WebSocket form over the package `ws`: what is tried, printed as JSON. */

import { createRequire } from "node:module";

const { WebSocket } = createRequire(new URL("../../frontend/package.json", import.meta.url))("ws");
const { TRAM_URL, TRAM_KEY } = process.env;
const question = (text, more) => JSON.stringify({ model: "gpt-4.1", messages: [{ role: "user", content: text }], ...more });

/** An open socket whose frames are read one after the other. */
function connect(key) {
  const headers = { Authorization: `Bearer ${key}` };
  const socket = new WebSocket(`${TRAM_URL.replace("http", "ws")}/v1/chat/completions`, { headers });
  const frames = [];
  let wake = () => {};
  socket.on("message", (data) => {
    frames.push(JSON.parse(data));
    wake();
  });
  socket.next = async () => {
    while (frames.length === 0) await new Promise((resolve) => (wake = resolve));
    return frames.shift();
  };
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(socket));
    socket.on("unexpected-response", (_, { statusCode }) => reject(Object.assign(new Error(), { status: statusCode })));
  });
}

const socket = await connect(TRAM_KEY);
socket.send(question("Hello", { model: "no-such-model" }));
const unknown_model = { kind: "frame", status: (await socket.next()).error.status };

socket.send(question("Say something short"));
let streamed = "";
for (let ended = false; !ended; ) {
  const { delta, finish_reason } = (await socket.next()).choices[0];
  streamed += delta.content ?? "";
  ended = finish_reason !== null;
}

socket.send(question("Write something long"));
let chunk = await socket.next();
while (!chunk.choices[0].delta.content) chunk = await socket.next();
socket.close();

const wrong_key = await connect("tram_wrong_0123456789").catch(({ status }) => ({ kind: "unexpected-response", status }));
console.log(JSON.stringify({ streamed, cancelled: chunk.id, wrong_key, unknown_model }));
