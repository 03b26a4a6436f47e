/** The frames of the browser socket, and names for those that the page handles alike. */

import type {
  Chat,
  Chunk,
  Continue,
  Done,
  Edit,
  Notice,
  Regenerate,
  Snapshot,
} from "./protocol.generated";

export type * from "./protocol.generated";
// `Error` is every program's own word already.
export type { Error as ErrorEvent, TurnError as Fault } from "./protocol.generated";

/** The commands that start a turn: each has an id and is sent again, unchanged, after a reconnect. */
export type Start = Chat | Regenerate | Edit | Continue;

/** The events that are about one turn. */
export type TurnEvent = Snapshot | Chunk | Notice | Done;
