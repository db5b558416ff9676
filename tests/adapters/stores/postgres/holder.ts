// A process that holds instances of a store, until it is killed: URL SCHEMA INSTANCE… It prints whether it can.

import { systemClock } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";

const [url, schema, ...instances] = Deno.args;
const { presence } = await postgres(url, { schema }).open({ clock: systemClock() });
const held = await Promise.all(instances.map((instance) => presence!.hold(instance)));
console.log(held.every((each) => each));
