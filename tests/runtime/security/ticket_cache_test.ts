/** Credentials of a cache of tickets, handed out in turns. */
import assert from "node:assert/strict";
import type { ContextStep, Credential, GssContext, Handle } from "../../../ffi/gssapi/mod.ts";
import { TicketCache } from "../../../runtime/security/kerberos/ticket_cache.ts";

const first = {} as Credential;
const spec = { target: {} as Handle, flags: 0, bindings: undefined };

Deno.test("a cache from which nothing can be taken any more says so to everybody who wants it", async () => {
  const gone = new Error("the cache is gone");
  const cache = new TicketCache(first, () => Promise.reject(gone), true);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => cache.asking({} as GssContext, spec)),
  );
  assert.deepEqual(outcomes, outcomes.map(() => ({ status: "rejected", reason: gone })));
});

Deno.test("however many ask, few credentials are taken, and none is in two hands", async () => {
  const busy = new Set<Credential>();
  let opened = 0;
  const cache = new TicketCache(
    first,
    () => {
      opened++;
      return Promise.resolve({} as Credential);
    },
    false,
  );
  const context = {
    async initiateElsewhere({ credential }: { readonly credential: Credential }): Promise<ContextStep> {
      assert.ok(!busy.has(credential));
      busy.add(credential);
      await new Promise((resolve) => setTimeout(resolve, 0));
      busy.delete(credential);
      return { token: new Uint8Array(0), complete: true, ticketSeconds: 1 };
    },
  } as unknown as GssContext;
  await Promise.all(Array.from({ length: 50 }, () => cache.asking(context, spec)));
  assert.equal(opened, 5);
});
