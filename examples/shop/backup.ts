import { backup, DatabaseSync } from "node:sqlite";

// deno run --allow-read --allow-write backup.ts ./data/shop.db ./backup/shop.db
const [from, to] = Deno.args;
const database = new DatabaseSync(from, { readOnly: true });
await backup(database, to, { rate: 2 ** 31 - 1 }); // all pages in one step: a consistent snapshot
database.close();
