/** How long to wait before opening the socket again, and when not to try. */

export type Verdict =
  | { kind: "retry"; delayMs: number }
  | { kind: "stop"; reason: "signed_out" | "forbidden" | "protocol" };

const BASE_MS = 250;
const LONGEST_MS = 15_000;
const RESTART_SPREAD_MS = 2_000;
const TOO_MANY_MS = 30_000;
/** A page that wakes connects within so long: with it may wake a whole office. */
export const AWAKE_MS = 250;

/**
 * Decides after a close. `attempt` counts tries in a row without a connection that lasted (from 0), `random` is in [0, 1).
 * A first loss is retried at once; later ones wait exponentially longer with full jitter.
 */
export function afterClose(code: number, attempt: number, random: number): Verdict {
  switch (code) {
    case 4401:
      return { kind: "stop", reason: "signed_out" };
    case 4403:
      return { kind: "stop", reason: "forbidden" };
    case 4409:
      return { kind: "stop", reason: "protocol" };
    case 4012:
      return { kind: "retry", delayMs: spread(RESTART_SPREAD_MS * (attempt + 1), random) };
    case 4429:
      return { kind: "retry", delayMs: TOO_MANY_MS / 2 + spread(TOO_MANY_MS, random) };
    case 4408:
      return { kind: "retry", delayMs: spread(BASE_MS * 2 ** attempt, random) };
    default:
      if (attempt === 0) return { kind: "retry", delayMs: spread(BASE_MS, random) };
      return { kind: "retry", delayMs: BASE_MS + spread(BASE_MS * 2 ** attempt, random) };
  }
}

function spread(widthMs: number, random: number): number {
  return Math.round(Math.min(widthMs, LONGEST_MS) * random);
}
