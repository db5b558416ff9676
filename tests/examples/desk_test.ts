import assert from "node:assert/strict";
import { sign } from "@octokit/webhooks-methods";
import { actor, type System } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { tokenOf } from "../../examples/desk/access.ts";
import { check } from "../../examples/desk/check.ts";
import { counted } from "../../examples/desk/counts.ts";
import { demo, secrets as demoSecrets } from "../../examples/desk/demo.ts";
import { examples } from "../../examples/desk/deliveries.ts";
import { desk } from "../../examples/desk/desk.ts";
import type { Evidence } from "../../examples/desk/evidence.ts";
import { openSystem } from "../../examples/desk/open_system.ts";
import { Audit, type AuditNumbers, type Recorded } from "../../examples/desk/protocols.ts";
import { report } from "../../examples/desk/report.ts";
import { readBody } from "../../examples/desk/read_body.ts";
import { exampleSecret, secretsFault } from "../../examples/desk/secrets.ts";
import { ServedDesk } from "../../examples/desk/served_desk.ts";
import { readWebhook } from "../../examples/desk/webhook.ts";

const secrets = { webhooks: "of GitHub", tokens: "of the desk" };
const labeled = {
  action: "labeled",
  label: { name: "bug" },
  repository: { full_name: "octocat/hello-world" },
  sender: { login: "octocat" },
};
const helloWorld = "/api/actors/repository/octocat%2Fhello-world";

/** A desk on a virtual clock. */
class Stage implements AsyncDisposable {
  readonly clock: VirtualClock;
  readonly system: System;
  readonly app: ReturnType<typeof desk>;

  private constructor(clock: VirtualClock, system: System) {
    this.clock = clock;
    this.system = system;
    this.app = desk(system, secrets);
  }

  static async open(): Promise<Stage> {
    const clock = new VirtualClock();
    const system = await openSystem({ clock });
    await clock.settle();
    return new Stage(clock, system);
  }

  async deliver(id: string, payload: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const body = JSON.stringify(payload);
    const response = await this.app.request("/webhooks", {
      method: "POST",
      body,
      headers: {
        "x-github-event": "issues",
        "x-github-delivery": id,
        "x-hub-signature-256": await sign(secrets.webhooks, body),
        ...headers,
      },
    });
    await this.clock.settle();
    return response;
  }

  async post(path: string, options: { key?: string; payload?: unknown } = {}): Promise<Response> {
    const headers = new Headers();
    if (options.key !== undefined) {
      headers.set("authorization", `Bearer ${await tokenOf(secrets.tokens, options.key)}`);
    }
    if (options.payload === undefined) return await this.app.request(path, { method: "POST", headers });
    headers.set("content-type", "application/json");
    return await this.app.request(path, { method: "POST", headers, body: JSON.stringify(options.payload) });
  }

  async numbers(): Promise<unknown> {
    return await (await this.post(`${helloWorld}/numbers`, { key: "octocat/hello-world" })).json();
  }

  audit(): Promise<AuditNumbers> {
    return this.system.ref(Audit, "desk").ask(Audit.numbers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop({ drainMs: 0 });
  }
}

async function requireProblem(response: Response, status: number, code: string): Promise<void> {
  assert.equal(response.status, status);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = await response.json();
  assert.deepEqual([problem.status, problem.code], [status, code]);
  assert.match(problem.type, new RegExp(`^urn:[a-z-]+:problem:${code}$`));
  assert.match(problem.title, /^[A-Z]/);
}

Deno.test("A delivery is recorded once by its repository, the audit log and the label counter", async () => {
  await using stage = await Stage.open();
  const response = await stage.deliver("one", labeled);
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), { id: "one" });
  const recorded = {
    id: "one",
    repository: "octocat/hello-world",
    event: "issues",
    action: "labeled",
    sender: "octocat",
    label: "bug",
  };
  assert.deepEqual(await stage.numbers(), { deliveries: 1, byEvent: { issues: 1 }, latest: [recorded] });
  assert.deepEqual(await stage.audit(), {
    deliveries: 1,
    byRepository: { "octocat/hello-world": 1 },
    latest: [recorded],
  });
  const totals = await stage.post("/api/actors/labels/desk/totals");
  assert.deepEqual(await totals.json(), { set: { bug: 1 }, removed: {}, edited: {} });
});

Deno.test("A delivery that comes again under its id changes nothing", async () => {
  await using stage = await Stage.open();
  await stage.deliver("one", labeled);
  assert.equal((await stage.deliver("one", labeled)).status, 202);
  assert.equal((await stage.audit()).deliveries, 1);
  assert.equal((await stage.deliver("two", labeled)).status, 202);
  assert.equal((await stage.audit()).deliveries, 2);
});

Deno.test("A delivery under an id that came with something else is refused", async () => {
  await using stage = await Stage.open();
  await stage.deliver("one", labeled);
  await requireProblem(await stage.deliver("one", { ...labeled, action: "unlabeled" }), 422, "id-reused");
  assert.equal((await stage.audit()).deliveries, 1);
});

for (
  const [what, signature] of Object.entries({
    "another secret": await sign("another secret", JSON.stringify(labeled)),
    "another body": await sign(secrets.webhooks, "{}"),
    "no hexadecimal digits": "sha256=nonsense",
    nothing: "",
  })
) {
  Deno.test(`A delivery signed with ${what} is refused and leaves no trace`, async () => {
    await using stage = await Stage.open();
    const { accepted } = stage.system.stats();
    const response = await stage.deliver("one", labeled, { "x-hub-signature-256": signature });
    await requireProblem(response, 401, "wrong-signature");
    assert.equal(stage.system.stats().accepted, accepted);
    assert.equal((await stage.deliver("one", labeled)).status, 202); // its id was not used up
    assert.equal((await stage.audit()).deliveries, 1);
  });
}

Deno.test("A delivery that is no webhook is refused", async () => {
  await using stage = await Stage.open();
  await requireProblem(await stage.deliver("one", "text"), 400, "no-webhook");
  const headers = { "x-github-event": "not an event" };
  await requireProblem(await stage.deliver("one", labeled, headers), 400, "invalid-payload");
  await requireProblem(await stage.deliver("", labeled), 400, "invalid-id");
});

Deno.test("A delivery that is too large, or breaks off, is refused in words that say so", async () => {
  await using stage = await Stage.open();
  const send = (body: string | ReadableStream, headers: Record<string, string> = {}) =>
    Promise.resolve(stage.app.request("/webhooks", { method: "POST", body, headers }));
  await requireProblem(await send("x", { "content-length": "25000001" }), 413, "too-large");
  const broken = new ReadableStream({ start: (controller) => controller.error(new TypeError("reset")) });
  await requireProblem(await send(broken), 400, "incomplete-body");
});

Deno.test("readBody() reads no further than it may", async () => {
  let chunks = 0;
  const flood = new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(10));
      if (++chunks === 100) controller.close();
    },
  });
  assert.equal(await readBody(new Request("http://desk/", { method: "POST", body: flood }), 50), 413);
  assert.ok(chunks < 10);
  const text = "tea ☕";
  assert.equal(await readBody(new Request("http://desk/", { method: "POST", body: text }), 50), text);
});

Deno.test("The desk is not served to others with a secret that they know, nor anywhere with none", () => {
  const fault = (hostname: string, webhooks: string, tokens = "t") =>
    secretsFault(hostname, { webhooks, tokens });
  for (const hostname of ["127.0.0.1", "127.1.2.3", "localhost", "::1"]) {
    assert.equal(fault(hostname, exampleSecret), undefined);
  }
  for (const hostname of ["0.0.0.0", "::", "192.168.1.2", "desk.example", "", "127.0.0.1.evil.example"]) {
    assert.match(fault(hostname, exampleSecret)!, /set WEBHOOK_SECRET/);
    assert.equal(fault(hostname, "of GitHub"), undefined);
  }
  assert.match(fault("127.0.0.1", "")!, /WEBHOOK_SECRET is empty/);
  assert.match(fault("127.0.0.1", "of GitHub", "")!, /TOKEN_SECRET is empty/);
});

Deno.test("The live page runs only its own script, and cannot be framed", async () => {
  await using stage = await Stage.open();
  const policies = new Set<string>();
  for (let visit = 0; visit < 2; visit++) {
    const response = await stage.app.request("/");
    const policy = response.headers.get("content-security-policy")!;
    policies.add(policy);
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1];
    assert.ok(nonce !== undefined && nonce.length >= 16);
    const page = await response.text();
    for (const part of page.match(/<(script|style)[^>]*>/g)!) {
      assert.ok(part.includes(`nonce="${nonce}"`), part);
    }
    for (const directive of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) {
      assert.ok(policy.includes(directive), directive);
    }
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  }
  assert.equal(policies.size, 2); // a nonce is used once
});

Deno.test("readWebhook() finds whom each example is about", () => {
  const keys = examples.map(({ event, body }) => readWebhook(event, body).key);
  assert.equal(keys.length, 329);
  assert.equal(keys.filter((key) => key === "Octocoders").length, 24);
  assert.equal(keys.filter((key) => key === "-").length, 4); // security advisories
});

Deno.test("counted() is not misled by what every object inherits", () => {
  const counts = counted(counted({}, "constructor"), "__proto__");
  assert.deepEqual(Object.entries(counts), [["constructor", 1], ["__proto__", 1]]);
});

Deno.test("The numbers of a repository need the token of that repository", async () => {
  await using stage = await Stage.open();
  await stage.deliver("one", labeled);
  await requireProblem(await stage.post(`${helloWorld}/numbers`), 401, "refused");
  const other = await stage.post(`${helloWorld}/numbers`, { key: "octocat/other" });
  await requireProblem(other, 401, "refused");
  const right = await stage.post(`${helloWorld}/numbers`, { key: "octocat/hello-world" });
  assert.equal(right.status, 200);
});

Deno.test("A delivery without a valid signature is not recorded", async () => {
  await using stage = await Stage.open();
  const options = { key: "octocat/hello-world", payload: { event: "push" } };
  assert.equal((await stage.post(`${helloWorld}/record`, options)).status, 404);
});

Deno.test("A report is ordered, and collected at its location", async () => {
  await using stage = await Stage.open();
  await stage.deliver("one", labeled);
  const ordered = await stage.post(`${helloWorld}/report`, { key: "octocat/hello-world" });
  assert.equal(ordered.status, 202);
  await stage.clock.settle();
  const headers = { authorization: `Bearer ${await tokenOf(secrets.tokens, "octocat/hello-world")}` };
  const location = ordered.headers.get("location")!;
  const collected = await stage.app.request(location, { headers });
  assert.equal(collected.status, 200);
  const text = await collected.json();
  assert.match(text, /^# octocat\/hello-world\n\nDeliveries: 1. Event types: 1\.\n/);
  assert.match(text, /- issues\.labeled by octocat\n$/);
  assert.equal((await stage.app.request(location)).status, 404); // a ticket is valid for its caller
});

Deno.test("Some reviewers reply, some abstain, and late replies are counted", async () => {
  await using stage = await Stage.open();
  const payload = { repository: "octocat/hello-world", number: 7, author: "Codertocat", language: "Ruby" };
  const response = await stage.post("/api/surveys/reviewer/review?timeoutMs=200", { payload });
  const text = response.text();
  await stage.clock.advance(200);
  const lines = (await text).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ reply, done }) => reply?.reviewer ?? done), [
    "octocat",
    "monalisa",
    "deadline",
  ]);
  assert.equal(stage.system.deadLetters.total, 0);
  await stage.clock.advance(100); // one of them thinks for 300 ms
  assert.deepEqual([stage.system.deadLetters.total, stage.system.stats().lateReplies], [0, 1]);
});

Deno.test("A survey for one reviewer ends with the first reply", async () => {
  await using stage = await Stage.open();
  const payload = { repository: "octocat/hello-world", number: 7, author: "octocat", language: "Ruby" };
  const response = await stage.post("/api/surveys/reviewer/review?max=1", { payload });
  const text = response.text();
  await stage.clock.advance(10);
  assert.match(await text, /"reviewer":"Codertocat".*\n{"done":"max","replies":1}\n$/);
  await stage.clock.advance(300);
  assert.deepEqual([stage.system.deadLetters.total, stage.system.stats().lateReplies], [0, 2]);
});

Deno.test("The live page shows what there is, and takes no label for markup", async () => {
  await using stage = await Stage.open();
  assert.match(await (await stage.app.request("/")).text(), /^<!doctype html><html lang="en">.*Nothing yet/s);
  await stage.deliver("one", { ...labeled, label: { name: "<b>bug" } });
  const page = await (await stage.app.request("/")).text();
  assert.match(page, /issues\.labeled/);
  assert.match(page, /&lt;b&gt;bug/);
  assert.match(page, /<b data-number="deliveries">1<\/b>/);
  assert.deepEqual(await (await stage.app.request("/stats")).json(), { deliveries: 1, repositories: 1 });
});

const small = { examples: examples.slice(0, 40), rounds: 1, seed: 1 };

/** Runs the demo with a desk served by this process. */
async function demoHere(open: () => Promise<System> = openSystem): Promise<Evidence> {
  const system = await open();
  const app = desk(system, demoSecrets);
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  const origin = `http://127.0.0.1:${server.addr.port}`;
  try {
    return await demo({ ...small, origin: () => Promise.resolve(origin) });
  } finally {
    await system.stop({ drainMs: 0 }); // ends the event stream, for which the server waits
  }
}

Deno.test("The demo loses nothing and says so, under the name of each mode in words", async () => {
  const evidence = await demoHere();
  assert.deepEqual(check(evidence), []);
  const text = report(evidence);
  assert.match(text, /^store: none, all in memory$/m);
  assert.match(text, /40 new deliveries = 40 recorded by repositories = 40 in the audit log/);
  const headings = [
    /^notification \(tell\): /m,
    /^request \/ synchronous response \(ask\): /m,
    /^request \/ asynchronous response \(submit\): /m,
    /^publish \/ subscribe: /m,
    /^publish \/ asynchronous response \(survey\): /m,
  ].map((heading) => text.search(heading));
  assert.ok(!headings.includes(-1), text);
  assert.deepEqual(headings, headings.toSorted((a, b) => a - b));
});

Deno.test("The demo loses nothing when the process that serves is killed in its midst, and says so", async () => {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-desk-" });
  try {
    await using served = new ServedDesk(["--store", `${folder}/desk.db`], demoSecrets);
    const before = await served.origin();
    const evidence = await demo({ ...small, origin: served.origin, restart: () => served.restart() });
    assert.deepEqual(check(evidence), []);
    assert.notEqual(await served.origin(), before);
    const text = report(evidence);
    assert.match(
      text,
      /^store: sqlite; .*\n\nkill: .* SIGKILL .*\n\n {2}down for .*\n.*\n {2}\d+ ms +\d+ +\d+$/m,
    );
    assert.match(text, /40 new deliveries = 40 recorded by repositories = 40 in the audit log/);
    assert.ok(evidence.sendings.filter(({ kind }) => kind === "repeated").length >= 20);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("The demo notices what is lost, what comes twice and what is out of order", async () => {
  const writing = (times: (id: string) => number) =>
    actor(Audit, {
      state: (): AuditNumbers => ({ deliveries: 0, byRepository: {}, latest: [] }),
      on: {
        write(ctx, { id, repository }) {
          for (let time = 0; time < times(id); time++) {
            const { deliveries, byRepository } = ctx.state;
            ctx.state = {
              ...ctx.state,
              deliveries: deliveries + 1,
              byRepository: counted(byRepository, repository),
            };
          }
        },
        numbers: (ctx) => ctx.state,
      },
    });
  const lost = writing((id) => id === "round-1-007" ? 0 : 1);
  const evidence = await demoHere(() => openSystem({ audit: lost }));
  const { key } = readWebhook(small.examples[6].event, small.examples[6].body);
  const faults = check(evidence);
  assert.equal(faults[0], "deliveries in the audit log: 39 instead of 40");
  assert.match(faults[1], new RegExp(`^in the audit log for ${key}: \\d+ instead of \\d+$`));
  assert.equal(faults.length, 2);

  const doubled = writing((id) => id === "round-1-007" ? 2 : 1);
  assert.equal(
    check(await demoHere(() => openSystem({ audit: doubled })))[0],
    "deliveries in the audit log: 41 instead of 40",
  );

  const { streamed, replayed } = evidence;
  const without = check({ ...evidence, streamed: streamed.filter(({ id }) => id !== "round-1-003") });
  assert.ok(without.includes("streamed round-1-003: 0 instead of 1"));
  // Sequentially: each was sent after the one before had been accepted.
  const answers = replayed.answers.map((answer, index) => ({ ...answer, sentMs: 10 * index, durationMs: 5 }));
  const sentMs = new Map(answers.flatMap(({ kind, id, sentMs }) => kind === "new" ? [[id, sentMs]] : []));
  const inOrder = streamed.toSorted((one, other) => sentMs.get(one.id)! - sentMs.get(other.id)!);
  const checkOrder = (streamed: readonly Recorded[]) =>
    check({ ...evidence, replayed: { ...replayed, answers }, streamed }).slice(2);
  assert.deepEqual(checkOrder(inOrder), []);
  const [first, second] = inOrder.filter(({ repository }) => repository === "Codertocat/Hello-World");
  const moved = inOrder.flatMap((one) => one === first ? [] : one === second ? [second, first] : [one]);
  assert.deepEqual(checkOrder(moved), [
    `${first.id} was recorded late: after a delivery that was sent only when it had been accepted`,
  ]);

  assert.ok(
    check({ ...evidence, streamed: [...streamed, { ...first, id: "unsent" }] }).includes(
      "streamed unsent: 1 instead of 0",
    ),
  );
  const forged = replayed.answers.map((answer) => ({ ...answer, status: 202 }));
  const letIn = check({ ...evidence, replayed: { ...replayed, answers: forged } });
  assert.ok(letIn.includes("a forged delivery: 202 instead of 401"));
});
