// Stands in for jsr:@std/async where JSR cannot be reached; never published.
export * from "./abortable.ts";
export * from "./deadline.ts";
export * from "./pool.ts";
export * from "./retry.ts";
