import { Hono } from "hono";
import { tellStart } from "./told.ts";

const importedMs = performance.now();
const app = new Hono();
app.post(
  "/actors/:protocol/:key/:operation",
  (context) => context.json(`hello ${context.req.param("key")}`),
);
const response = await app.request("/actors/greeter/ada/greet", { method: "POST" });
const reply = await response.json();
tellStart({ importedMs, repliedMs: performance.now(), reply });
