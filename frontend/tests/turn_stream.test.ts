import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprint } from "../src/models/fingerprint";
import { TurnStream } from "../src/models/turn_stream";
import { chunk, done, snapshot, TURN } from "./people";

test("chunks in order make the text", () => {
  const stream = new TurnStream(TURN, 1);
  assert.equal(stream.apply(chunk(1, 0, "Xin ")), "applied");
  assert.equal(stream.apply(chunk(2, 4, "chào 🚋")), "applied");
  assert.equal(stream.content, "Xin chào 🚋");
  assert.equal(stream.content.length, 11, "offsets count UTF-16 units, so the tram is two");
  assert.equal(stream.apply(chunk(3, 11, ".")), "applied");
});

test("a chunk that came before changes nothing", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  assert.equal(stream.apply(chunk(1, 0, "one")), "stale");
  assert.equal(stream.content, "one");
});

test("a missing chunk is a gap and changes nothing", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  assert.equal(stream.apply(chunk(3, 6, "three")), "gap");
  assert.equal(stream.content, "one");
  assert.equal(stream.seq, 1);
});

test("a chunk whose offset does not join is a gap even with the right number", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  assert.equal(stream.apply(chunk(2, 5, "two")), "gap");
});

test("a snapshot heals a gap, and the chunks after it go on", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  assert.equal(stream.apply(snapshot(3, "onetwothree")), "applied");
  assert.equal(stream.apply(chunk(2, 3, "two")), "stale");
  assert.equal(stream.apply(chunk(4, 11, "four")), "applied");
  assert.equal(stream.content, "onetwothreefour");
});

test("an older snapshot does not take text back", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  stream.apply(chunk(2, 3, "two"));
  assert.equal(stream.apply(snapshot(1, "one")), "stale");
  assert.equal(stream.content, "onetwo");
});

test("what an owner of an earlier epoch still sends is dropped", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(snapshot(2, "kept", 2));
  assert.equal(stream.apply(chunk(3, 4, " lost", 1)), "stale");
  assert.equal(stream.content, "kept");
});

test("a chunk of another epoch never joins: a snapshot must tell what that owner kept", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  assert.equal(stream.apply(chunk(2, 3, "two", 2)), "gap");
  assert.deepEqual(stream.position, { turn: TURN });
  assert.equal(stream.apply(snapshot(1, "ONE", 2)), "applied");
  assert.equal(stream.apply(chunk(2, 3, "two", 2)), "applied");
  assert.equal(stream.content, "ONEtwo");
  assert.deepEqual(stream.position, { turn: TURN, epoch: 2, after: 2 });
});

test("text that does not fit is doubted until a snapshot comes, be it older", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  stream.apply(chunk(2, 3, "tw"));
  assert.equal(stream.apply(chunk(3, 6, "three")), "gap");
  assert.equal(stream.apply(chunk(3, 5, "three")), "gap");
  assert.equal(stream.apply(snapshot(2, "onetwo")), "applied");
  assert.equal(stream.apply(chunk(3, 6, "three")), "applied");
  assert.equal(stream.content, "onetwothree");
});

test("the stored end replaces what is held, whatever its number", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  stream.apply(chunk(2, 3, "two"));
  const end = { ...snapshot(0, "one", 2), state: "orphaned" as const };
  assert.equal(stream.apply({ ...end, epoch: 0 }), "stale");
  assert.equal(stream.apply(end), "applied");
  assert.equal(stream.content, "one");
  assert.equal(stream.live, false);
  assert.equal(stream.apply(chunk(2, 3, "two", 2)), "stale");
  assert.equal(stream.apply(snapshot(5, "of a zombie", 2)), "stale");
  assert.equal(stream.apply(done({ state: "orphaned" })), "applied");
  assert.equal(stream.apply(end), "stale");
  assert.equal(stream.done?.state, "orphaned");
});

test("an end that is replaced waits for its own done", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  stream.apply(done({ state: "completed" }));
  stream.apply({ ...snapshot(0, "onetwo", 2), state: "orphaned" });
  assert.equal(stream.apply(done({ state: "orphaned" })), "applied");
  assert.equal(stream.state, "orphaned");
});

test("chunks that come after the end are taken, and the turn stays ended", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "one"));
  stream.apply(done());
  assert.equal(stream.apply(chunk(2, 3, "two")), "applied");
  assert.equal(stream.apply(snapshot(3, "onetwothree")), "applied");
  assert.equal(stream.content, "onetwothree");
  assert.equal(stream.state, "completed");
});

test("a turn ends once", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply(chunk(1, 0, "text"));
  assert.equal(stream.apply(done({ state: "interrupted" })), "applied");
  assert.equal(stream.apply(done({ state: "completed" })), "stale");
  assert.equal(stream.state, "interrupted");
  assert.equal(stream.live, false);
});

test("a notice is gone as soon as text comes", () => {
  const stream = new TurnStream(TURN, 1);
  stream.apply({ type: "notice", turn: TURN, code: "retrying", detail: "" });
  assert.equal(stream.notice?.code, "retrying");
  stream.apply(chunk(1, 0, "text"));
  assert.equal(stream.notice, null);
});

test("any order of frames with repeats and snapshots never loses or repeats a character", () => {
  const text = "Trạm 电车 🚋 station ".repeat(6);
  const pieces = [...text].reduce<string[]>((all, letter, at) => {
    if (at % 3 === 0) all.push("");
    all[all.length - 1] += letter;
    return all;
  }, []);
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = randomFrom(seed);
    const stream = new TurnStream(TURN, 1);
    for (let step = 0; step < 4_000 && stream.content !== text; step += 1) {
      const seq = Math.max(1, Math.min(pieces.length, stream.seq - 2 + Math.floor(random() * 6)));
      const before = pieces.slice(0, seq - 1).join("");
      const whole = before + (pieces[seq - 1] ?? "");
      stream.apply(random() < 0.1 ? snapshot(seq, whole) : chunk(seq, before.length, pieces[seq - 1] ?? ""));
      assert.ok(text.startsWith(stream.content), `seed ${seed}: not a prefix`);
    }
    assert.equal(stream.content, text, `seed ${seed}`);
  }
});

test("the fingerprint is of the UTF-8 text", async () => {
  const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
  assert.equal(await fingerprint("hello"), hello);
  assert.notEqual(await fingerprint("hell"), hello);
  assert.equal(await fingerprint("Trạm 🚋"), "fd5bf098d280bcc7167be13c1ffddac4a2f4bd89fa4ddfb4672e82e190129bc4");
});

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
