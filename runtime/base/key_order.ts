// Stores keep keys in the order of their bytes as UTF-8, which is the order of their code points. JavaScript compares code
// units instead, and sorts code points above 65,535 before the last of those below.

const lowSurrogate = 0xd800;
const behindSurrogates = 0xe000;
const units = 0x10000;
/** How many code units are surrogates, and how many lie behind them. */
const surrogates = behindSurrogates - lowSurrogate;
const others = units - behindSurrogates;

/** A text for a key: texts compare as code units in the order in which their keys compare as bytes. */
export function toSortText(key: string): string {
  return shift(key, others);
}

/** The key of a text that {@linkcode toSortText} made. */
export function fromSortText(text: string): string {
  return shift(text, surrogates);
}

/** Whether a key comes before another one. */
export function isBefore(key: string, other: string): boolean {
  return toSortText(key) < toSortText(other);
}

/** The first key behind all that begin with `prefix`; `undefined` if there is none. */
export function endOf(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  return String.fromCodePoint(...points, last === lowSurrogate - 1 ? behindSurrogates : last + 1);
}

/** Exchanges the surrogates with the code units behind them. */
function shift(text: string, by: number): string {
  if (!/[\ud800-\uffff]/.test(text)) return text;
  return text.replace(/[\ud800-\uffff]/g, (unit) => {
    const place = (unit.charCodeAt(0) - lowSurrogate + by) % (units - lowSurrogate);
    return String.fromCharCode(lowSurrogate + place);
  });
}
