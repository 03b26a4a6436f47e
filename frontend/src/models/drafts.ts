/** What was typed and not sent, and which model was chosen, for each conversation; kept over reloads. */

export interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const NEW = "new";

export class Drafts {
  constructor(private readonly storage: Storage) {}

  text(conversation: string | null): string {
    return this.#read(`tram:draft:${conversation ?? NEW}`) ?? "";
  }

  keepText(conversation: string | null, text: string): void {
    this.#write(`tram:draft:${conversation ?? NEW}`, text);
  }

  model(conversation: string | null): string | null {
    return this.#read(`tram:model:${conversation ?? NEW}`);
  }

  keepModel(conversation: string | null, model: string): void {
    this.#write(`tram:model:${conversation ?? NEW}`, model);
  }

  #read(key: string): string | null {
    try {
      return this.storage.getItem(key);
    } catch {
      return null;
    }
  }

  /** A full or forbidden storage loses the draft at a reload, nothing else. */
  #write(key: string, value: string): void {
    try {
      if (value === "") this.storage.removeItem(key);
      else this.storage.setItem(key, value);
    } catch {
      return;
    }
  }
}

/** The text for the composer when a message was refused: before whatever was typed since. */
export function putBack(refused: string, typedSince: string): string {
  if (typedSince.trim() === "") return refused;
  if (typedSince === refused) return refused;
  return `${refused}\n\n${typedSince}`;
}
