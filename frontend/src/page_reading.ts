/**
 * Pages of this site, read as nodes. The browser itself makes them of what our server wrote, and runs
 * nothing in them; no text becomes HTML in a program here.
 */

export interface Read {
  page: Document;
  /** Where redirections led. */
  address: string;
  status: number;
}

/** The page could not be reached. */
export class Unreachable extends Error {}

/** Asks for a page, by POST where there is a `form`. Rejects with Unreachable, also when `signal` ends it. */
export function pageAt(address: string, form: FormData | null = null, signal?: AbortSignal): Promise<Read> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(form === null ? "GET" : "POST", address);
    request.responseType = "document";
    request.addEventListener("load", () => {
      const page = request.response as Document | null;
      if (page === null) reject(new Unreachable());
      else resolve({ page, address: request.responseURL, status: request.status });
    });
    for (const end of ["error", "abort", "timeout"]) {
      request.addEventListener(end, () => reject(new Unreachable()));
    }
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
