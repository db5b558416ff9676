/** Control characters (C0, DEL, C1), the separators of lines and paragraphs, and what turns the direction of text. */
const controls = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * A text for a line of a log or a terminal: each character that a terminal obeys, that begins a line, that turns the
 * direction of what follows or that is half of a pair is written as JSON would (`\u001b`, `\n`). So what a stranger sent
 * can neither move the cursor nor forge a line.
 */
export function escapeControls(text: string): string {
  return text.replace(controls, escaped);
}

function escaped(character: string): string {
  const short = JSON.stringify(character);
  if (short.startsWith('"\\')) return short.slice(1, -1);
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
