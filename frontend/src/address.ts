/** What the page's address says: the site, and the open conversation. */

export function openSocket(): WebSocket {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}/ws/chat/`, ["tram.v1"]);
}

/** The conversation that the page's address names, or null. */
export function conversationInAddress(): string | null {
  return /^\/c\/([0-9a-f-]{36})\/?$/.exec(location.pathname)?.[1] ?? null;
}
