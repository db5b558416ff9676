/**
 * A text without what stands before the host of a URL and in its query: passwords and tokens, which an error of a driver
 * may repeat.
 */
export function withoutCredentials(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, "$1…@")
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s?#]*\?)[^\s#]*/gi, "$1…");
}
