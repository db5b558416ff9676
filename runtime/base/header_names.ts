const capital = /[A-Z]/;

/** Whether one of some headers has a name that is not in lower case. */
export function hasCapital(headers: Readonly<Record<string, string>>): boolean {
  for (const name in headers) {
    if (capital.test(name)) return true;
  }
  return false;
}

/** Headers with their names in lower case, as other services see them. */
export function inLowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (!hasCapital(headers)) return headers;
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
