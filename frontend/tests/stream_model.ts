/** The model of the server, asked over plain HTTP: each stream is a socket into which nothing is sent. */

import type { Command } from "../src/models/protocol";
import type { Post } from "../src/models/stream_line";
import type { ServerModel } from "./server_model";

const HEADERS = { "Content-Type": "text/event-stream" };

export function postTo(server: ServerModel): Post {
  return (body, streams, signal) => {
    const asked = JSON.parse(body) as { watch: object[]; commands: Command[] };
    if (streams) return Promise.resolve(streamOf(server, asked.watch.length > 0, asked.commands, signal));
    const command = JSON.parse(body) as Command;
    if (command.type === "report") server.reports.push(command);
    return Promise.resolve(new Response(JSON.stringify({ events: [] })));
  };
}

function streamOf(server: ServerModel, watches: boolean, commands: Command[], signal: AbortSignal): Response {
  const socket = server.connect(watches);
  socket.toServer.push(...commands);
  const encoder = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      socket.onmessage = ({ data }) => controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      socket.onclose = ({ code }) => {
        if (code < 4000) return controller.error(new TypeError("network error"));
        controller.enqueue(encoder.encode(`event: close\ndata: {"code":${code}}\n\n`));
        controller.close();
      };
      signal.addEventListener("abort", () => {
        if (socket.isOpen) controller.error(new TypeError("aborted"));
        socket.close();
      });
    },
  });
  return new Response(stream, { headers: HEADERS });
}
