/** What the open conversation announces. */

import type { ApiError } from "../api";
import type { ErrorEvent, WaitingMessage } from "./protocol";
import type { ConversationView, MessageView } from "./views";

export interface ThreadEvents {
  /** Messages came, went or changed places. `opened`: another conversation is shown. */
  path: { opened: boolean };
  /** The text or turn of the message with this id changed. */
  message: string;
  /** Title, model or identity of the conversation changed; null for one not begun. */
  conversation: ConversationView | null;
  /** A first message made this conversation. */
  begun: string;
  /** A command was refused; `text` belongs back in the composer. */
  refused: { text: string | null; fault: ErrorEvent };
  /** The conversation could not be loaded. */
  missing: ApiError;
  /** An answer begins. */
  answering: null;
  /** After a new connection: the server sends what is missing. */
  caughtUp: null;
  /** Other messages wait than before; `position` of one's own that has just got in line, and one's own
   * that was just refused. */
  line: { position: number | null; refused: WaitingMessage | null };
  /** A turn ended; the message is whole. */
  answered: MessageView;
}
