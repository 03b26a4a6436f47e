/**
 * A model of the server by the rules of docs/protocol.md, over a model of its site: two nodes and one socket at a
 * time. `faulty` servers also lose and repeat frames.
 */

import type { Socket } from "../src/models/connection";
import type { Command, Event } from "../src/models/protocol";
import type { MessagePage } from "../src/models/views";
import { accepted, done } from "./people";
import { CONVERSATION, type ModelTurn, type Random, SiteModel } from "./site_model";

interface Cursor {
  next: number;
  needsSnapshot: boolean;
}

class ModelSocket implements Socket {
  onmessage: ((message: MessageEvent) => void) | null = null;
  onclose: ((close: CloseEvent) => void) | null = null;
  isOpen = true;
  readonly toServer: Command[] = [];
  readonly toClient: Event[] = [];
  readonly cursors = new Map<string, Cursor>();
  watches = false;

  constructor(readonly node: number) {}

  send(text: string): void {
    if (this.isOpen) this.toServer.push(JSON.parse(text) as Command);
  }

  close(): void {
    this.isOpen = false;
  }
}

export class ServerModel extends SiteModel {
  readonly begun = new Map<string, ReturnType<typeof accepted>>();
  readonly reports: Command[] = [];
  socket: ModelSocket | null = null;
  cuts = 0;
  readonly #pages: (() => void)[] = [];

  constructor(
    random: Random,
    private readonly faulty: boolean,
  ) {
    super(random);
  }

  /** Somebody else writes, or asks for another answer. */
  others(): void {
    const leaf = this.newestBelow(null);
    const another = this.chance(0.3);
    const made = this.write(another ? null : leaf.id, another ? leaf.parent : null);
    if (!this.socket?.watches || !this.socket.isOpen) return;
    const change = { type: "conversation", conversation: CONVERSATION, change: "message" } as const;
    const named = this.chance(0.5) ? { turn: made.id } : {};
    this.#say({ ...change, ...named, assistant_message: made.answer });
    this.socket.cursors.set(made.id, { next: 0, needsSnapshot: false });
  }

  /** A node dies: its turns go nowhere until somebody adopts them. */
  killNode(): void {
    const node = this.below(2);
    for (const turn of this.turns.values()) if (turn.state === "running" && turn.owner === node) turn.owner = null;
    this.read[node]?.clear();
    if (this.socket?.node === node) this.cut(1006);
  }

  // The socket.

  connect(): ModelSocket {
    this.socket = new ModelSocket(this.below(2));
    this.#say({ type: "ready", protocol: "tram.v1", heartbeat_seconds: 20, connection: "c", limits: {} } as never);
    return this.socket;
  }

  /** The line breaks: everything on its way, in both directions, is gone. */
  cut(code: number): void {
    const { socket } = this;
    if (!socket?.isOpen) return;
    this.cuts += 1;
    socket.isOpen = false;
    socket.onclose?.({ code } as CloseEvent);
  }

  deliver(): void {
    const event = this.socket?.isOpen ? this.socket.toClient.shift() : undefined;
    if (event === undefined) return;
    const isChunk = event.type === "chunk";
    if (this.faulty && isChunk && this.chance(0.1)) return;
    this.socket?.onmessage?.({ data: JSON.stringify(event) } as MessageEvent);
    if (this.faulty && isChunk && this.chance(0.1)) this.socket?.onmessage?.({ data: JSON.stringify(event) } as MessageEvent);
  }

  /** Sends the next frame of one of the watched turns. */
  pump(): void {
    const { socket } = this;
    if (!socket?.isOpen) return;
    const watched = [...socket.cursors.keys()];
    const turn = this.turns.get(watched[this.below(watched.length)] ?? "");
    const cursor = turn && socket.cursors.get(turn.id);
    if (!turn || !cursor) return;
    const known = this.read[socket.node]?.get(turn.id) ?? 0;
    // An owner tells its viewers chunk by chunk; another process may go straight to the stored end.
    const isRead = cursor.next >= turn.journal.length && !cursor.needsSnapshot && turn.state === "completed";
    if (turn.state !== "running" && (isRead || turn.state === "orphaned" || this.chance(0.2))) {
      socket.cursors.delete(turn.id);
      if (!isRead) this.#sayEnd(turn);
      else this.#sayDone(turn);
    } else if (cursor.needsSnapshot || (known - cursor.next > 3 && this.chance(0.3))) {
      this.#say(this.#snapshot(turn, known));
      Object.assign(cursor, { next: known, needsSnapshot: false });
    } else if (cursor.next < known) {
      this.#sayChunk(turn, cursor.next);
      cursor.next += 1;
    }
  }

  /** Does the client's next command. */
  obey(): void {
    const command = this.socket?.isOpen ? this.socket.toServer.shift() : undefined;
    if (command === undefined) return;
    if (command.type === "attach") this.#attach(command);
    else if (command.type === "ping") this.#say({ type: "pong" });
    else if (command.type === "report") this.reports.push(command);
    else if (command.type === "chat" || command.type === "regenerate") this.#start(command);
  }

  #start(command: Extract<Command, { type: "chat" | "regenerate" }>): void {
    if (!this.begun.has(command.id) && this.chance(0.1)) {
      this.#say({ type: "error", id: command.id, code: "restarting", message: "" });
      return;
    }
    const known = this.begun.get(command.id);
    const parent = command.type === "chat" ? (command.parent ?? this.newestBelow(null).id) : null;
    const question = command.type === "chat" ? null : this.find(command.message).parent;
    const turn = known === undefined ? this.write(parent, question, "content" in command ? command.content : undefined) : this.turns.get(known.turn);
    if (turn === undefined || this.socket === null) return;
    const asked = this.find(turn.answer).parent;
    const event = accepted(command.id, {
      turn: turn.id,
      epoch: turn.epoch,
      assistant_message: turn.answer,
      user_message: command.type === "chat" ? asked : null,
    });
    this.begun.set(command.id, event);
    this.#say(event);
    if (turn.state !== "running") this.#sayEnd(turn);
    else if (!this.socket.cursors.has(turn.id)) {
      this.socket.cursors.set(turn.id, { next: 0, needsSnapshot: known !== undefined });
    }
    this.socket.watches = true;
  }

  #attach(command: Extract<Command, { type: "attach" }>): void {
    const { socket } = this;
    if (socket === null) return;
    socket.watches = true;
    const running = [...this.turns.values()].filter(({ state }) => state === "running");
    this.#say({ type: "attached", conversation: CONVERSATION, turns: running.map(({ id }) => id) });
    for (const turn of running) {
      const known = this.read[socket.node]?.get(turn.id) ?? 0;
      const after = command.after ?? null;
      const named = turn.id === command.turn && (command.epoch == null || command.epoch === turn.epoch);
      const fits = named && after !== null && after <= known;
      if (named || !socket.cursors.has(turn.id)) {
        socket.cursors.set(turn.id, { next: fits ? after : 0, needsSnapshot: !fits });
      }
    }
    const ended = this.turns.get(command.turn ?? "");
    if (ended === undefined || ended.state === "running") return;
    socket.cursors.delete(ended.id);
    this.#sayEnd(ended);
  }

  #sayChunk(turn: ModelTurn, at: number): void {
    const chunk = turn.journal[at];
    if (chunk === undefined) return;
    this.#say({ type: "chunk", turn: turn.id, epoch: turn.epoch, seq: at + 1, ...chunk });
  }

  #snapshot(turn: ModelTurn, seq: number): Event {
    const content = turn.pieces.slice(0, seq).join("");
    const place = { conversation: CONVERSATION, assistant_message: turn.answer };
    return { type: "snapshot", turn: turn.id, epoch: turn.epoch, seq, content, state: "running", ...place };
  }

  #sayEnd(turn: ModelTurn): void {
    const place = { conversation: CONVERSATION, assistant_message: turn.answer };
    const { id, epoch, text, state } = turn;
    this.#say({ type: "snapshot", turn: id, epoch, seq: 0, content: text, state: state as "completed", ...place });
    this.#sayDone(turn);
  }

  #sayDone({ id, state, sha256 }: ModelTurn): void {
    this.#say(done({ turn: id, state: state as "completed", sha256 }));
  }

  #say(event: Event): void {
    this.socket?.toClient.push(event);
  }

  // The JSON door.

  /** A page that arrives some time later; what it says may be as old as the question. */
  page(leaf: string | null): Promise<MessagePage> {
    const early = this.chance(0.5) ? this.stored(leaf) : null;
    return new Promise((resolve) => this.#pages.push(() => resolve(early ?? this.stored(leaf))));
  }

  answerPage(): void {
    this.#pages.splice(this.below(this.#pages.length), 1)[0]?.();
  }

  get pagesWait(): boolean {
    return this.#pages.length > 0;
  }
}
