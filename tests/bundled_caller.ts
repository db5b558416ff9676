// What a caller has of an actor: its protocol. tests/entries_test.ts measures what it takes, bundled.

import { ask, protocol, tell, unchecked } from "@posthorn/posthorn/protocol";

export const Cart = protocol("cart", {
  add: tell(unchecked<{ sku: string; cents: number }>()),
  total: ask(unchecked<number>()),
});
