import { tellStart } from "./told.ts";

const nowMs = performance.now();
tellStart({ importedMs: nowMs, repliedMs: nowMs, reply: "hello ada" });
