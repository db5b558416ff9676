/**
 * A text without the user part and the query of its URLs: they may contain passwords and tokens, and errors of database
 * drivers may repeat them.
 */
export function withoutCredentials(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, "$1…@")
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#:@]*:(?!\d*[/?#])\S*@/gi, "$1…@") // a password that is not escaped
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s?#]*\?)[^\s#]*/gi, "$1…");
}
