/**
 * Returns the name with which SQLite opens exactly this file: SQLite treats a name that begins with `file:`
 * as a URI, and an empty name as a temporary database. Throws a `RangeError` if the path does not name a
 * file.
 */
export function fileOf(path: string): string {
  if (typeof path !== "string") {
    throw new TypeError(`Cannot use path of sqlite: it must be a text: it is ${typeof path}`);
  }
  const why = whyNot(path);
  if (why !== undefined) {
    throw new RangeError(`Cannot use path of sqlite: ${why}: current value is ${JSON.stringify(path)}`);
  }
  return path.startsWith("file:") ? `./${path}` : path;
}

function whyNot(path: string): string | undefined {
  if (path === "") return 'it must name a file, or be ":memory:"';
  if (path.includes("\0")) return "it must not have the character NUL";
  if (path.startsWith("file:/")) return "it must be a path and not a URL: give what new URL(…).pathname says";
  if (path.startsWith("file::memory:")) {
    return 'it must be a path and not a URI: ":memory:" is a store without a file';
  }
  if (/[/\\]$/.test(path)) return "it must name a file and not a folder";
  return undefined;
}

/** The folder that a file is in. */
export function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end + 1);
}
