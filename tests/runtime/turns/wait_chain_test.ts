import assert from "node:assert/strict";
import fc from "fast-check";
import { waitChain, type WaitingTurn } from "../../../runtime/turns/wait_chain.ts";

class Node implements WaitingTurn {
  readonly waitsFor: Node[] = [];
}

/** All nodes reachable from a node, by brute force. */
function reachable(from: Node, seen = new Set<WaitingTurn>()): Set<WaitingTurn> {
  if (!seen.has(from)) {
    seen.add(from);
    for (const next of from.waitsFor) reachable(next, seen);
  }
  return seen;
}

Deno.test("waitChain() finds a chain exactly if there is one, and each of its links is real", () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 20 }),
      fc.nat(7),
      fc.nat(7),
      (edges, a, b) => {
        const nodes = Array.from({ length: 8 }, () => new Node());
        for (const [from, to] of edges) nodes[from].waitsFor.push(nodes[to]);
        const chain = waitChain(nodes[a], nodes[b]);
        assert.equal(chain !== undefined, reachable(nodes[a]).has(nodes[b]));
        if (chain === undefined) return;
        assert.equal(chain[0], nodes[a]);
        assert.equal(chain.at(-1), nodes[b]);
        assert.equal(new Set(chain).size, chain.length);
        for (const [index, link] of chain.slice(1).entries()) assert.ok(chain[index].waitsFor.includes(link));
      },
    ),
  ));

Deno.test("waitChain() follows a chain of any length", () => {
  const nodes = Array.from({ length: 50_000 }, () => new Node());
  for (const [index, node] of nodes.entries()) if (index > 0) nodes[index - 1].waitsFor.push(node);
  assert.equal(waitChain(nodes[0], nodes.at(-1)!)?.length, nodes.length);
});
