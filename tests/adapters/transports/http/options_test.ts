import assert from "node:assert/strict";
import { httpTransport, type HttpTransportOptions } from "@posthorn/posthorn/http-transport";
import { settingsOf } from "../../../../adapters/transports/http/options.ts";

const secret = "a-secret-a-secret-a-secret-a-secret";
const keys = [{ id: "k", secret }];
const url = "https://billing.example.com/posthorn/";

Deno.test("services are named by urls, whose last slash has no meaning, or by more", () => {
  const own = [{ id: "own", secret }];
  const { peers } = settingsOf({ services: { billing: url, mail: {}, audit: { url, keys: own } }, keys });
  assert.equal(peers.get("billing")!.url!.href, "https://billing.example.com/posthorn");
  assert.equal(peers.get("mail")!.url, undefined);
  assert.deepEqual([peers.get("billing")!.keys, peers.get("audit")!.keys], [keys, own]);
  assert.deepEqual(httpTransport({ services: { billing: url, mail: {} }, keys }).recipients, ["billing"]);
});

Deno.test("an option that cannot be used is refused with its name, and without a secret", () => {
  const short = "31-bytes-31-bytes-31-bytes-31-b";
  const cases: readonly [Partial<Record<keyof HttpTransportOptions, unknown>>, RegExp][] = [
    [{ services: {} }, /^Cannot use services of httpTransport: it must be 1 to 1000 services: it has 0/],
    [{ services: undefined }, /services of httpTransport: it must be an object/],
    [{ services: { Billing: url } }, /services\.Billing of httpTransport: it must be named by a text/],
    [{ services: { billing: "billing.example.com" } }, /services\.billing\.url .* https:\/\/host/],
    [{ services: { billing: "ftp://billing.example.com" } }, /services\.billing\.url .* https:\/\/host/],
    [{ services: { billing: `https://ann:${secret}@example.com` } }, /without user and password/],
    [{ services: { billing: `${url}?token=${secret}` } }, /without a query and a fragment/],
    [{ services: { billing: { url, fetch: "fetch" } } }, /services\.billing\.fetch .* a function/],
    [
      { services: { billing: { url, key: keys } } },
      /services\.billing\.key of httpTransport: there is no such option/,
    ],
    [{ keys: undefined }, /services\.billing of httpTransport: it must be given keys/],
    [{ keys: [] }, /keys of httpTransport: it must be a list of 1 to 16 keys/],
    [
      { keys: Array.from({ length: 17 }, (_, index) => ({ id: `k${index}`, secret })) },
      /a list of 1 to 16 keys/,
    ],
    [{ keys: [...keys, ...keys] }, /keys\[1\]\.id .* another one than those of the other keys/],
    [{ keys: [{ id: "a b", secret }] }, /keys\[0\]\.id .* 1 to 64/],
    [{ keys: [{ id: "k", secret: short }] }, /keys\[0\]\.secret .* 32 to 1024 bytes: it has 31/],
    [{ keys: [{ id: "k", secret: 7 }] }, /keys\[0\]\.secret .* it has 0/],
    [{ path: "posthorn" }, /path of httpTransport: it must be a path/],
    [{ path: [] }, /path of httpTransport: it must be a path/],
    [{ greets: "no" }, /greets of httpTransport: it must be true or false/],
    [{ messageBytes: 0 }, /messageBytes: it must be a whole number of 1 to 33554432/],
    [{ clockToleranceMs: 0 }, /clockToleranceMs: it must be a whole number of 1000 to 300000/],
  ];
  for (const [options, message] of cases) {
    assert.throws(
      () => httpTransport({ services: { billing: url }, keys, ...options } as HttpTransportOptions),
      (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!error.stack!.includes(secret) && !error.stack!.includes(short));
        return true;
      },
    );
  }
});
