import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockSplitter, openFence } from "../src/models/blocks";
import { blockStarts, toHtml, type Environment } from "../src/rendering/markdown";

const ANSWER = `# Trạm

A first paragraph that
runs over two lines.

1. one

   with a second paragraph
2. two
   - nested

10. ten

\`\`\`python
def stop():

    return "# not a heading"
\`\`\`

| a | b |
|---|--:|
| 1 | 2 |

Title by underline
------------------

> quote
lazy line

$$
x = \\frac{1}{2}
$$

~~~
tildes \`\`\`
~~~

    indented code

Last words, unfinished`;

function split(text: string, cuts: number[]): { live: string[]; all: string[] } {
  const splitter = new BlockSplitter(blockStarts);
  const live: string[] = [];
  for (const cut of cuts) live.push(...splitter.grow(text.slice(0, cut)).map(({ source }) => source));
  const rest = [...splitter.grow(text), ...splitter.finish()].map(({ source }) => source);
  return { live, all: [...live, ...rest] };
}

function render(blocks: string[]): string {
  const environment: Environment = {};
  return blocks.map((source) => toHtml(source, environment)).join("");
}

test("the blocks together are the text, wherever it is cut", () => {
  for (let cut = 0; cut <= ANSWER.length; cut += 1) {
    assert.equal(split(ANSWER, [cut]).all.join(""), ANSWER, `cut at ${cut}`);
  }
});

test("growing letter by letter gives the same blocks as the whole text at once", () => {
  const letters = Array.from({ length: ANSWER.length }, (_, at) => at + 1);
  assert.deepEqual(split(ANSWER, letters).all, split(ANSWER, []).all);
});

test("blocks rendered one by one are the text rendered whole", () => {
  assert.equal(render(split(ANSWER, []).all), toHtml(ANSWER, {}));
});

test("most of a long answer is settled while it grows", () => {
  const { live } = split(ANSWER, [ANSWER.length]);
  assert.ok(live.length >= 9, `${live.length} blocks`);
});

test("a list item whose number comes later still belongs to the list", () => {
  const text = "1. one\n\n2. two\n\n3. three\n";
  const letters = Array.from({ length: text.length }, (_, at) => at + 1);
  assert.deepEqual(split(text, letters).all, [text]);
});

test("an open code block settles nothing until its own marker closes it", () => {
  const splitter = new BlockSplitter(blockStarts);
  assert.deepEqual(splitter.grow("````md\n```\nstill code\n\n# code\n"), []);
  assert.deepEqual(splitter.grow("````md\n```\nstill code\n\n# code\n````\nafter\n"), [
    { source: "````md\n```\nstill code\n\n# code\n````\n" },
  ]);
});

test("a long code block is searched for its end only where it grew", () => {
  let scanned = 0;
  const splitter = new BlockSplitter((source) => {
    scanned += source.length;
    return blockStarts(source);
  });
  let text = "```js\n";
  for (let line = 0; line < 2_000; line += 1) {
    text += `const line${line} = ${line};\n`;
    splitter.grow(text);
  }
  assert.ok(scanned < 200, `${scanned} characters were parsed again`);
});

test("fences of four spaces are not fences", () => {
  assert.equal(openFence("    ```\n"), null);
  assert.equal(openFence("\n\n   ~~~ py\ncode\n"), "~~~");
  assert.equal(openFence("```\ncode\n```\n"), null);
  assert.equal(openFence("```\ncode\n``` not closed\n"), "```");
});
