/** What the page's address says: the site, and the open conversation. */

import type { Timers } from "./models/ack_policy";
import type { Post } from "./models/stream_line";
import { StreamSocket } from "./models/stream_socket";
import type { Openings } from "./models/ways";

/** The ways to the site; `csrfToken` is what the page proves itself by. */
export function openings(csrfToken: string, timers: Timers): Required<Openings> {
  return {
    socket: () => {
      const scheme = location.protocol === "https:" ? "wss:" : "ws:";
      return new WebSocket(`${scheme}//${location.host}/ws/chat/`, ["tram.v1"]);
    },
    stream: () => new StreamSocket(posting(csrfToken), timers),
  };
}

function posting(csrfToken: string): Post {
  return (body, streams, signal) =>
    fetch("/api/chat/stream?protocol=tram.v1", {
      method: "POST",
      headers: {
        Accept: streams ? "text/event-stream" : "application/json",
        "Content-Type": "application/json",
        "X-CSRFToken": csrfToken,
      },
      body,
      signal,
    });
}

/** The conversation that the page's address names, or null. */
export function conversationInAddress(): string | null {
  return /^\/c\/([0-9a-f-]{36})\/?$/.exec(location.pathname)?.[1] ?? null;
}
