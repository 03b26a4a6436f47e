import assert from "node:assert/strict";
import { test } from "node:test";
import { definesLinks, isLink, toHtml, type Environment } from "../src/rendering/markdown";

const html = (source: string) => toHtml(source, {});

test("raw HTML stays text", () => {
  const shown = html('<img src=x onerror="alert(1)"> <script>alert(1)</script>');
  assert.ok(!shown.includes("<img") && !shown.includes("<script"));
  assert.ok(shown.includes("&lt;script&gt;"));
});

test("links of other kinds than http, https and mailto are no links", () => {
  for (const address of ["javascript:alert(1)", "JaVaScRiPt:x", "vbscript:x", "file:///etc/passwd", "ftp://x"]) {
    assert.ok(!html(`[click](${address})`).includes("<a"), address);
    assert.equal(isLink(address), false, address);
  }
  assert.ok(html("[click](https://example.org)").includes('href="https://example.org"'));
  assert.ok(html("[write](mailto:alice@example.org)").includes("<a"));
});

test("no image becomes an image by itself, by whatever way it is written", () => {
  const ways = [
    "![words](https://canary.example/a.png)",
    "![words][ref]\n\n[ref]: https://canary.example/a.png",
    "[![words](https://canary.example/a.png)](https://example.org)",
  ];
  for (const way of ways) {
    const shown = html(way);
    assert.ok(!shown.includes("<img"), way);
    assert.ok(shown.includes('data-source="https://canary.example/a.png"'), way);
  }
});

test("no style attribute is written: table columns have classes", () => {
  const shown = html("| a | b | c |\n|:--|--:|:-:|\n| 1 | 2 | 3 |");
  assert.ok(!shown.includes("style="));
  assert.ok(shown.includes('<td class="align-right">2</td>'));
});

test("headings stand below the message's own and skip no level", () => {
  const levels = (source: string) => [...html(source).matchAll(/<h(\d)>/g)].map(([, level]) => Number(level));
  assert.deepEqual(levels("# a\n## b\n### c\n## d"), [3, 4, 5, 4]);
  assert.deepEqual(levels("### a\n###### b\n# c"), [3, 4, 3]);
  assert.deepEqual(levels("# a\n## b\n### c\n#### d\n##### e"), [3, 4, 5, 6, 6]);
});

test("headings go on from block to block", () => {
  const environment: Environment = {};
  assert.match(toHtml("# a", environment), /^<h3>/);
  assert.match(toHtml("## b", environment), /^<h4>/);
});

test("maths in all four forms", () => {
  assert.match(html("so $a^2$ is"), /<span class="maths" data-maths="inline">a\^2<\/span>/);
  assert.match(html("so \\(a_1 * b * c\\) is"), /data-maths="inline">a_1 \* b \* c</);
  assert.match(html("$$\na < b\n$$"), /<div class="maths" data-maths="display">\s*a &lt; b/);
  assert.match(html("\\[ x \\]"), /data-maths="display"> x </);
  assert.match(html("here $$x$$ too"), /data-maths="display">x</);
});

test("money is not maths", () => {
  for (const text of ["It costs $5 and $10.", "between $5/$10", "US$ 20 or $ 30", "a lone $ sign", "\\$5$"]) {
    assert.ok(!html(text).includes("maths"), text);
  }
});

test("code keeps dollars and is escaped", () => {
  assert.ok(html("`$a$`").includes("<code>$a$</code>"));
  const shown = html('```"><b>\n<i>&amp;</i>\n```');
  assert.ok(shown.includes("&lt;i&gt;&amp;amp;&lt;/i&gt;"));
  assert.ok(!shown.includes("<b>"));
});

test("link definitions are carried from block to block", () => {
  const environment: Environment = {};
  assert.equal(definesLinks(environment), false);
  toHtml("[ref]: https://example.org", environment);
  assert.equal(definesLinks(environment), true);
  assert.ok(toHtml("[ref]", environment).includes('href="https://example.org"'));
});
