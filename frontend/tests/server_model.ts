/**
 * A model of the server by the rules of docs/protocol.md, over a model of its site: two nodes, and a socket or
 * several streams at a time. `faulty` servers also lose and repeat frames.
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

export class ModelSocket implements Socket {
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
  #sockets: ModelSocket[] = [];
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
    for (const socket of this.open) this.#showTo(socket, made);
  }

  #showTo(socket: ModelSocket, made: ModelTurn): void {
    if (!socket.watches) return;
    const change = { type: "conversation", conversation: CONVERSATION, change: "message" } as const;
    const named = this.chance(0.5) ? { turn: made.id } : {};
    socket.toClient.push({ ...change, ...named, assistant_message: made.answer });
    socket.cursors.set(made.id, { next: 0, needsSnapshot: false });
  }

  /** A node dies: its turns go nowhere until somebody adopts them. */
  killNode(): void {
    const node = this.below(2);
    for (const turn of this.turns.values()) if (turn.state === "running" && turn.owner === node) turn.owner = null;
    this.read[node]?.clear();
    for (const socket of this.open) if (socket.node === node) this.#cut(socket, 1006);
  }

  // The socket.

  get open(): ModelSocket[] {
    this.#sockets = this.#sockets.filter(({ isOpen }) => isOpen);
    return [...this.#sockets];
  }

  /** Whether nothing is on its way. */
  get quiet(): boolean {
    return this.open.every(({ toClient, toServer }) => toClient.length + toServer.length === 0);
  }

  /** `watches`: what is running is followed from the beginning, and not answered by `attached`. */
  connect(watches = false): ModelSocket {
    const socket = new ModelSocket(this.below(2));
    this.#sockets.push(socket);
    socket.toClient.push({ type: "ready", protocol: "tram.v1", heartbeat_seconds: 20, connection: "c", limits: {} } as never);
    if (watches) this.#attach(socket, { type: "attach", conversation: CONVERSATION }, false);
    return socket;
  }

  /** A line breaks: everything on its way, in both directions, is gone. */
  cut(code: number): void {
    const { one } = this;
    if (one !== undefined) this.#cut(one, code);
  }

  get one(): ModelSocket | undefined {
    const { open } = this;
    return open.length > 1 ? open[this.below(open.length)] : open[0];
  }

  #cut(socket: ModelSocket, code: number): void {
    this.cuts += 1;
    socket.isOpen = false;
    socket.onclose?.({ code } as CloseEvent);
  }

  deliver(): void {
    const { one } = this;
    const event = one?.toClient.shift();
    if (event === undefined) return;
    const isChunk = event.type === "chunk";
    if (this.faulty && isChunk && this.chance(0.1)) return;
    one?.onmessage?.({ data: JSON.stringify(event) } as MessageEvent);
    if (this.faulty && isChunk && this.chance(0.1)) one?.onmessage?.({ data: JSON.stringify(event) } as MessageEvent);
  }

  /** Sends the next frame of one of the watched turns. */
  pump(): void {
    const socket = this.one;
    if (socket === undefined) return;
    const watched = [...socket.cursors.keys()];
    const turn = this.turns.get(watched[this.below(watched.length)] ?? "");
    const cursor = turn && socket.cursors.get(turn.id);
    if (!turn || !cursor) return;
    const known = this.read[socket.node]?.get(turn.id) ?? 0;
    // An owner tells its viewers chunk by chunk; another process may go straight to the stored end.
    const isRead = cursor.next >= turn.journal.length && !cursor.needsSnapshot && turn.state === "completed";
    if (turn.state !== "running" && (isRead || turn.state === "orphaned" || this.chance(0.2))) {
      socket.cursors.delete(turn.id);
      if (!isRead) this.#sayEnd(socket, turn);
      else this.#sayDone(socket, turn);
    } else if (cursor.needsSnapshot || (known - cursor.next > 3 && this.chance(0.3))) {
      socket.toClient.push(this.#snapshot(turn, known));
      Object.assign(cursor, { next: known, needsSnapshot: false });
    } else if (cursor.next < known) {
      this.#sayChunk(socket, turn, cursor.next);
      cursor.next += 1;
    }
  }

  /** Does the client's next command. */
  obey(): void {
    const socket = this.one;
    const command = socket?.toServer.shift();
    if (socket === undefined || command === undefined) return;
    if (command.type === "attach") this.#attach(socket, command, true);
    else if (command.type === "ping") socket.toClient.push({ type: "pong" });
    else if (command.type === "report") this.reports.push(command);
    else if (command.type === "chat" || command.type === "regenerate") this.#start(socket, command);
  }

  #start(socket: ModelSocket, command: Extract<Command, { type: "chat" | "regenerate" }>): void {
    if (!this.begun.has(command.id) && this.chance(0.1)) {
      socket.toClient.push({ type: "error", id: command.id, code: "restarting", message: "" });
      return;
    }
    const known = this.begun.get(command.id);
    const parent = command.type === "chat" ? (command.parent ?? this.newestBelow(null).id) : null;
    const question = command.type === "chat" ? null : this.find(command.message).parent;
    const turn = known === undefined ? this.write(parent, question, "content" in command ? command.content : undefined) : this.turns.get(known.turn);
    if (turn === undefined) return;
    const asked = this.find(turn.answer).parent;
    const event = accepted(command.id, {
      turn: turn.id,
      epoch: turn.epoch,
      assistant_message: turn.answer,
      user_message: command.type === "chat" ? asked : null,
    });
    this.begun.set(command.id, event);
    socket.toClient.push(event);
    if (known === undefined) for (const other of this.open) if (other !== socket) this.#showTo(other, turn);
    if (turn.state !== "running") this.#sayEnd(socket, turn);
    else if (!socket.cursors.has(turn.id)) {
      socket.cursors.set(turn.id, { next: 0, needsSnapshot: known !== undefined });
    }
    socket.watches = true;
  }

  #attach(socket: ModelSocket, command: Extract<Command, { type: "attach" }>, told: boolean): void {
    socket.watches = true;
    const running = [...this.turns.values()].filter(({ state }) => state === "running");
    const turns = running.map(({ id }) => id);
    if (told) socket.toClient.push({ type: "attached", conversation: CONVERSATION, turns });
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
    this.#sayEnd(socket, ended);
  }

  #sayChunk(socket: ModelSocket, turn: ModelTurn, at: number): void {
    const chunk = turn.journal[at];
    if (chunk === undefined) return;
    socket.toClient.push({ type: "chunk", turn: turn.id, epoch: turn.epoch, seq: at + 1, ...chunk });
  }

  #snapshot(turn: ModelTurn, seq: number): Event {
    const content = turn.pieces.slice(0, seq).join("");
    const place = { conversation: CONVERSATION, assistant_message: turn.answer };
    return { type: "snapshot", turn: turn.id, epoch: turn.epoch, seq, content, state: "running", ...place };
  }

  #sayEnd(socket: ModelSocket, turn: ModelTurn): void {
    const place = { conversation: CONVERSATION, assistant_message: turn.answer };
    const { id, epoch, text, state } = turn;
    socket.toClient.push({ type: "snapshot", turn: id, epoch, seq: 0, content: text, state: state as "completed", ...place });
    this.#sayDone(socket, turn);
  }

  #sayDone(socket: ModelSocket, { id, state, sha256 }: ModelTurn): void {
    socket.toClient.push(done({ turn: id, state: state as "completed", sha256 }));
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
