/** What it may cost to try again, or to go on from, the newest answer that was cut short. */

import type { Wish } from "../models/asking";
import { ending } from "../models/failures";
import { isLive } from "../models/turn_stream";
import type { MessageView } from "../models/views";
import { part, stamp } from "../rendering/elements";
import type { MessageElement } from "../rendering/message";
import { session } from "../session";
import { forecastIn, pricedModel } from "./forecasts";

/** Shows it beside the buttons that offer this; nothing where nothing is offered. */
export function forecastEnding(shown: MessageElement, message: MessageView): void {
  const place = part(shown.root, "ending-estimate");
  const wish = wishOf(message);
  if (wish !== null && place.childElementCount === 0) place.replaceChildren(stamp("estimate-piece"));
  forecastIn(place, wish);
}

function wishOf({ id, turn, content }: MessageView): Wish | null {
  const { thread, mayWrite } = session();
  const isNewest = thread.path.leaf?.id === id;
  if (!mayWrite || !isNewest || turn === null || isLive(turn.state)) return null;
  const offer = ending(turn, content !== "")?.offer;
  if (offer === "continue") return { type: "continue", message: id };
  const model = pricedModel();
  return offer === "retry" && model !== null ? { type: "regenerate", message: id, ...model } : null;
}
