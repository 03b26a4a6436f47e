/** Whether a text may be sent, and if not, why. */

import { number } from "./format";
import type { Limits } from "./protocol";
import { t } from "./words";

type TextLimits = Pick<Limits, "max_message_characters" | "max_frame_bytes">;

/** What a frame holds beside the text: ids, model and options. */
const ENVELOPE_BYTES = 2_048;

/** Characters as people and the server count them: code points, not UTF-16 units. */
export function countCharacters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit <= 0xdbff) at += 1;
    count += 1;
  }
  return count;
}

/** The reason why a text is too long, or null. */
export function tooLong(text: string, limits: TextLimits): string | null {
  const limit = limits.max_message_characters;
  if (text.length > limit && countCharacters(text) > limit) {
    return t("This message has {count} characters; the limit is {limit}. Shorten it, or send it in parts.", {
      count: number(countCharacters(text)),
      limit: number(limit),
    });
  }
  const mostBytes = limits.max_frame_bytes - ENVELOPE_BYTES;
  if (text.length * 6 > mostBytes && frameBytes(text) > mostBytes) {
    return t("This message has {count} bytes; the limit is {limit}. Shorten it, or send it in parts.", {
      count: number(frameBytes(text)),
      limit: number(mostBytes),
    });
  }
  return null;
}

function frameBytes(text: string): number {
  return new TextEncoder().encode(JSON.stringify(text)).length;
}
