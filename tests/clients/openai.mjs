/** The official package for JavaScript: what is tried, printed as JSON. */

import { createRequire } from "node:module";

const { default: OpenAI } = createRequire(new URL("../../frontend/package.json", import.meta.url))("openai");
const { TRAM_URL, TRAM_KEY } = process.env;
const MODEL = "gpt-4.1";
const messages = (text) => [{ role: "user", content: text }];
const connect = (apiKey, maxRetries = 0) => new OpenAI({ baseURL: `${TRAM_URL}/v1`, apiKey, maxRetries });
const client = connect(TRAM_KEY);

async function refused(apiKey, model) {
  try {
    await connect(apiKey).chat.completions.create({ model, messages: messages("Hello") });
  } catch (error) {
    return { kind: error.constructor.name, status: error.status };
  }
}

let streamed = "";
const short = { model: MODEL, messages: messages("Say something short") };
for await (const chunk of await client.chat.completions.create({ ...short, stream: true })) {
  streamed += chunk.choices[0].delta.content ?? "";
}
const whole = (await client.chat.completions.create(short)).choices[0].message.content;

let cancelled = "";
const long = await client.chat.completions.create({ model: MODEL, messages: messages("Write something long"), stream: true });
for await (const chunk of long) {
  cancelled = chunk.id;
  if (chunk.choices[0].delta.content) break;
}
long.controller.abort();

const models = [];
for await (const model of client.models.list()) models.push(model.id);
const usage = [];
const counted = { ...short, stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.chat.completions.create(counted)) if (chunk.usage) usage.push(chunk.usage.total_tokens);

const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
const asking = { model: MODEL, messages: messages("[fault: tool-call] What is the weather in Huế?"), tools };
const called = (await client.chat.completions.create(asking)).choices[0];
const pieces = client.chat.completions.stream(asking);
const calledInPieces = (await pieces.finalChatCompletion()).choices[0];

const wrong_key = await refused("tram_wrong_0123456789", MODEL);
const unknown_model = await refused(TRAM_KEY, "no-such-model");
const once = { model: MODEL, messages: messages("[fault: error-503-once] Hello") };
const retried = (await connect(TRAM_KEY, 2).chat.completions.create(once)).choices[0].message.content;
const calls = [called, calledInPieces].map(({ finish_reason, message }) => {
  return { finish_reason, name: message.tool_calls[0].function.name, arguments: message.tool_calls[0].function.arguments };
});
console.log(JSON.stringify({ streamed, whole, cancelled, wrong_key, unknown_model, models, usage, calls, retried }));
