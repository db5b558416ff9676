/** Control characters (C0, DEL, C1), separators of lines and paragraphs, marks of direction, and lone surrogates. */
const controls = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/**
 * A text for one line of a log. Characters that begin a line, control a terminal or change the direction of writing are
 * escaped, as `\u001b`. So a text from outside can neither forge a line nor control a terminal.
 */
export function escapeControls(text: string): string {
  return text.replace(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
