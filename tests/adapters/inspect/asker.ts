// A process that inspects stores as a user who may not write to them: `asker.ts LOADED [ARGUMENTS as JSON]…`. It begins as root,
// asks and changes the file LOADED, so that everything is loaded, and becomes nobody. It prints what each call has answered.

import process from "node:process";
import { inspect } from "@posthorn/posthorn/inspect";

const [loaded, ...calls] = Deno.args;
const nobody = 65_534;

async function run(args: readonly string[]) {
  let [out, err] = ["", ""];
  const code = await inspect(args, {
    stdout: { write: (text) => out += text },
    stderr: { write: (text) => err += text },
  });
  return { code, out, err };
}

await run([loaded]);
await run([loaded, "resume", "note"]);
process.setuid!(nobody);
for (const args of calls) console.log(JSON.stringify(await run(JSON.parse(args))));
