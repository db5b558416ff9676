/** What a program has to say about its own start: milliseconds since its process began. */
export interface Told {
  readonly importedMs: number;
  readonly repliedMs: number;
  readonly reply: string;
}

/** Says it. */
export function tellStart(told: Told): void {
  console.log(JSON.stringify(told));
}
