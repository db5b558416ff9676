import { tellStart } from "./told.ts";

const nowMs = performance.now();
await tellStart({ importedMs: nowMs, repliedMs: nowMs, reply: "hello ada" });
