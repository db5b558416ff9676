import { simulateServices } from "./simulate_services.ts";

const [from, count, without] = [
  Number(Deno.args[0] ?? 1),
  Number(Deno.args[1] ?? 10),
  Deno.args[2] || undefined,
];
const trace = Deno.args[3] === "trace";
const beganMs = performance.now();
let failures = 0;
const marks = new Map<string, number>();
for (let seed = from; seed < from + count; seed++) {
  const { failure, hash, steps, marks: reached, happened, restMs, plan } = await simulateServices(seed, {
    without,
    ...(trace && { onStep: (step) => console.log(step) }),
  });
  for (const mark of reached) marks.set(mark, (marks.get(mark) ?? 0) + 1);
  if (count === 1) console.log(JSON.stringify(plan));
  console.log(seed, hash, plan.reads, happened, restMs, failure?.slice(0, 600) ?? "");
  if (failure === undefined) continue;
  failures++;
  if (count === 1) console.log(steps.map((step) => step.slice(0, 400)).join("\n"));
}
console.log(failures, "failed,", ((performance.now() - beganMs) / count).toFixed(), "ms a seed");
if (count > 1) console.log([...marks].sort());
