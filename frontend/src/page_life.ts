/** Ties the connection to what the browser tells of the page: seen, hidden, frozen, kept for the way back. */

import type { Connection } from "./models/connection";
import type { Waking } from "./models/waking";

/** A browser has six connections to a site by HTTP/1.1: of many pages that stream, the hidden ones let go. */
const HIDDEN_MS = 30_000;

export function listen(connection: Connection, waking: Waking): void {
  let hidden = 0;
  const awake = () => {
    window.clearTimeout(hidden);
    connection.wake();
    waking.watch();
  };
  window.addEventListener("online", awake);
  // The socket may be dead, or the browser wrong: it is asked, not closed.
  window.addEventListener("offline", () => connection.wake());
  window.addEventListener("pageshow", ({ persisted }) => persisted && awake());
  // A page with an open socket is not kept for the way back.
  window.addEventListener("pagehide", ({ persisted }) => persisted && connection.rest());
  document.addEventListener("resume", awake);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") awake();
    else {
      waking.rest();
      hidden = window.setTimeout(() => connection.rest(true), HIDDEN_MS);
    }
  });
  if (document.visibilityState === "visible") waking.watch();
}
