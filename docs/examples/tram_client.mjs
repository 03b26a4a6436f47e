/**
 * A client of the socket (tram.v1), for browsers and for Node: asks, reads along, stops, and comes back after a
 * lost line. In a page of the site:
 *
 *   const answer = new Answer(() => new WebSocket(`wss://${location.host}/ws/chat/`, ["tram.v1"]), "What is a tram?");
 *   answer.tell = ({ text }) => (output.textContent = text);
 *   const { state, cost_nano_usd } = await answer.end;
 *
 * In Node 22 or newer `new WebSocket(url, { protocols: ["tram.v1"], headers: { Authorization: `Bearer ${key}` } })`.
 */

const FOR_GOOD = new Set([4401, 4403, 4409]);
const PASSING = new Set(["restarting", "rate_limited", "storage_unavailable", "internal_error"]);

export class Answer {
  text = "";
  turn = null;
  done = null;
  tell = () => {};
  #epoch = 0;
  #seq = 0;
  #attempt = 0;
  #asked = false;
  #stopping = false;

  /** `open()` opens a socket; `fields` are more of the command's, such as `model` or `conversation`. */
  constructor(open, content, fields = {}) {
    this.open = open;
    this.question = { type: "chat", id: crypto.randomUUID(), content, ...fields };
    this.end = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    this.#connect();
  }

  stop() {
    this.#stopping = true;
    if (this.turn !== null) this.#send({ type: "interrupt", turn: this.turn });
  }

  #connect() {
    const socket = (this.socket = this.open());
    this.opening = setTimeout(() => socket.close(), 15_000);
    socket.onmessage = ({ data }) => void this.#take(JSON.parse(data));
    socket.onerror = () => {};
    socket.onclose = ({ code }) => {
      clearTimeout(this.opening);
      clearInterval(this.beat);
      if (this.ended) return;
      if (FOR_GOOD.has(code)) this.#finish(this.reject, Object.assign(new Error(`closed with ${code}`), { code }));
      else setTimeout(() => this.#connect(), Math.random() * Math.min(15_000, 125 * 2 ** this.#attempt++));
    };
  }

  #send(command) {
    if (this.socket.readyState === 1) this.socket.send(JSON.stringify(command));
  }

  async #take(event) {
    const { type } = event;
    if (type === "ready") {
      clearTimeout(this.opening);
      this.beat = setInterval(() => this.#send({ type: "ping" }), event.heartbeat_seconds * 1_000);
      this.#asked = false;
      if (this.turn === null) this.#send(this.question);
      else this.#attach({ epoch: this.#epoch, after: this.#seq });
    } else if (type === "accepted" && event.id === this.question.id && this.turn === null) {
      [this.turn, this.conversation, this.#epoch] = [event.turn, event.conversation, event.epoch];
      if (this.#stopping) this.stop();
    } else if (type === "error" && (event.id === this.question.id || (this.turn !== null && event.turn === this.turn))) {
      if (PASSING.has(event.code)) this.socket.close();
      else this.#finish(this.reject, Object.assign(new Error(event.message), event));
    } else if (type === "attached") this.#asked = false;
    else if (event.turn === this.turn && this.turn !== null) {
      if (type === "snapshot") this.#replace(event);
      else if (type === "chunk") this.#add(event);
      else if (type === "done") this.done = event;
      this.tell(this);
      if (this.done !== null) await this.#check();
    }
  }

  #replace({ epoch, seq, content, state }) {
    if (epoch < this.#epoch || (state === "running" && epoch === this.#epoch && seq < this.#seq)) return;
    [this.text, this.#epoch, this.#seq] = [content, epoch, seq];
    this.#send({ type: "ack", turn: this.turn, seq });
  }

  #add({ epoch, seq, offset, content }) {
    const isNext = epoch === this.#epoch && seq === this.#seq + 1;
    if (epoch < this.#epoch || (epoch === this.#epoch && seq <= this.#seq)) return;
    if (isNext && offset === this.text.length) {
      [this.text, this.#seq] = [this.text + content, seq];
      this.#send({ type: "ack", turn: this.turn, seq });
    } else this.#attach(isNext || epoch !== this.#epoch ? {} : { epoch, after: this.#seq });
  }

  #attach(place) {
    if (!this.#asked) this.#send({ type: "attach", conversation: this.conversation, turn: this.turn, ...place });
    this.#asked = true;
  }

  /** The end counts when the text held is the one that was stored. */
  async #check() {
    const { text, done } = this;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    if (text !== this.text || this.ended) return;
    if (Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === done.sha256) this.#finish(this.resolve, done);
    else this.#attach({});
  }

  #finish(settle, value) {
    this.ended = true;
    settle(value);
    this.socket.close();
  }
}
