/** The longest text of a value, in UTF-16 units. */
const charactersMax = 4_000;
const depthMax = 12;

/**
 * A value as text that looks like JSON, cut after some thousand characters: no more of the value is visited than is shown.
 * What JSON cannot hold is shown as well as it can be; nothing of the value is called.
 */
export function valueText(value: unknown): string {
  const writer = new ValueWriter();
  try {
    writer.write(value, 0);
  } catch { // a proxy or a getter that throws
    return `${writer.text} … (cannot be shown)`;
  }
  return writer.isFull ? `${writer.text.slice(0, charactersMax)}…` : writer.text;
}

class ValueWriter {
  text = "";

  get isFull(): boolean {
    return this.text.length > charactersMax;
  }

  write(value: unknown, depth: number): void {
    if (this.isFull) return;
    if (typeof value === "string") this.text += JSON.stringify(value.slice(0, charactersMax));
    else if (typeof value === "bigint") this.text += `${value}n`;
    else if (typeof value === "function") this.text += "(function)";
    else if (typeof value !== "object" || value === null) this.text += String(value);
    else if (depth >= depthMax) this.text += "…";
    else this.#writeObject(value, depth);
  }

  #writeObject(value: object, depth: number): void {
    if (value instanceof Date) {
      this.text += Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    } else if (ArrayBuffer.isView(value)) this.text += `(${value.byteLength} bytes)`;
    else if (value instanceof ArrayBuffer) this.text += `(${value.byteLength} bytes)`;
    else if (value instanceof URL || value instanceof RegExp) this.text += String(value);
    else if (value instanceof Error) this.text += `${value.name}: ${value.message}`.slice(0, charactersMax);
    else if (value instanceof Map) {
      this.#writeList("Map {", "}", value, depth, ([key, one]) => {
        this.write(key, depth + 1);
        this.text += " => ";
        this.write(one, depth + 1);
      });
    } else if (value instanceof Set) {
      this.#writeList("Set {", "}", value, depth, (one) => this.write(one, depth + 1));
    } else if (Array.isArray(value)) {
      this.#writeList("[", "]", value, depth, (one) => this.write(one, depth + 1));
    } else {
      this.#writeList("{", "}", Object.keys(value), depth, (name) => {
        this.text += `${JSON.stringify(name)}: `;
        this.write((value as Record<string, unknown>)[name], depth + 1);
      });
    }
  }

  #writeList<Item>(
    open: string,
    close: string,
    items: Iterable<Item>,
    depth: number,
    writeItem: (item: Item) => void,
  ): void {
    const indent = `\n${"  ".repeat(depth + 1)}`;
    this.text += open;
    let isFirst = true;
    for (const item of items) {
      if (this.isFull) return;
      this.text += isFirst ? indent : `,${indent}`;
      isFirst = false;
      writeItem(item);
    }
    this.text += isFirst ? close : `\n${"  ".repeat(depth)}${close}`;
  }
}
