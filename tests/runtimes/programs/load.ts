// Loads every file of the package, also those that a program loads later.

import { readdir } from "node:fs/promises";
import { tryOut } from "./say.ts";

const folder = new URL("node_modules/@posthorn/posthorn/", import.meta.url);
const files = await readdir(folder, { recursive: true });
for (const file of files.filter((file) => file.endsWith(".js"))) {
  await tryOut(file, async () => void await import(new URL(file, folder).href));
}
