/** Control characters (C0, DEL, C1), the separators of lines and paragraphs, what turns the direction, halves of pairs. */
const controls = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/**
 * A text on one line of a log: what would move the cursor, colour the terminal, begin a line or turn the direction of
 * writing around is escaped, as `\u001b`. So what a stranger sent can neither forge a line nor command a terminal.
 */
export function escapeControls(text: string): string {
  return text.replace(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
