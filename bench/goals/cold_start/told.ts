/** What a program reports about its start: milliseconds since the process started. */
export interface Told {
  readonly importedMs: number;
  readonly repliedMs: number;
  readonly reply: string;
}

/** Prints the report. */
export function tellStart(told: Told): void {
  console.log(JSON.stringify(told));
}
