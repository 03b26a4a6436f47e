/** The fingerprint of a text, to compare with the one that the server stored. */

/** SHA-256 of the UTF-8 text in hex; null where the browser offers none (plain http from another host). */
export async function fingerprint(text: string): Promise<string | null> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return null;
  const digest = await subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
