/** Node's own fetch: what is tried, printed as JSON. */

const { TRAM_URL, TRAM_KEY } = process.env;
const question = (text, more) => ({ model: "gpt-4.1", messages: [{ role: "user", content: text }], ...more });

function ask(body, { key = TRAM_KEY, signal } = {}) {
  return fetch(`${TRAM_URL}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
    signal,
  });
}

async function* chunks(answer) {
  let rest = "";
  for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data: {")) yield JSON.parse(line.slice("data: ".length));
    }
  }
}

const wordOf = (chunk) => chunk.choices.map(({ delta }) => delta.content ?? "").join("");

async function refused(body, key) {
  const answer = await ask(body, { key });
  return { kind: (await answer.json()).error.code, status: answer.status };
}

let streamed = "";
for await (const chunk of chunks(await ask(question("Say something short", { stream: true })))) streamed += wordOf(chunk);
const whole = (await (await ask(question("Say something short"))).json()).choices[0].message.content;

const leaving = new AbortController();
let cancelled = "";
const long = await ask(question("Write something long", { stream: true }), { signal: leaving.signal });
for await (const chunk of chunks(long)) {
  cancelled = chunk.id;
  if (wordOf(chunk)) break;
}
leaving.abort();

const wrong_key = await refused(question("Hello"), "tram_wrong_0123456789");
const unknown_model = await refused({ ...question("Hello"), model: "no-such-model" });
console.log(JSON.stringify({ streamed, whole, cancelled, wrong_key, unknown_model }));
