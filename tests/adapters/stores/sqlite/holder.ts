// A process that registers an instance on a SQLite file, prints whether its end can be detected, and waits to
// be killed.

import { systemClock } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";

const [path, instance] = Deno.args;
const connection = await sqlite(path).open({ clock: systemClock() });
console.log(connection.presence === undefined ? "absent" : await connection.presence.hold(instance));
setInterval(() => {}, 60_000);
