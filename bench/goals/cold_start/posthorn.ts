import { actor, ask, protocol, System, unchecked } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { tellStart } from "./told.ts";

const importedMs = performance.now();
const Greeter = protocol("greeter", { greet: ask(unchecked<string>()) });
const greeter = actor(Greeter, { state: () => null, on: { greet: (ctx) => `hello ${ctx.key}` } });
const system = new System({ actors: [greeter] });
const app = ingress(system, { expose: [Greeter] });
const response = await app.request("/actors/greeter/ada/greet", { method: "POST" });
const reply = await response.json();
tellStart({ importedMs, repliedMs: performance.now(), reply });
await system.stop();
