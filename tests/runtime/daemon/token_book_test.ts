/** Tokens that are remembered: for as long as they are any good. */
import assert from "node:assert/strict";
import { TokenBook } from "../../../runtime/daemon/access/token_book.ts";
import { newToken, tokenHash } from "../../../runtime/daemon/access/tokens.ts";
import type { Store } from "../../../runtime/store/mod.ts";
import type { StoredToken } from "../../../runtime/store/types.ts";
import { problemCode, world } from "./world.ts";

/** A store with tokens; how often it was asked. */
function storeOf(...tokens: StoredToken[]) {
  const kept = new Set(tokens);
  const asked = { times: 0 };
  const store = {
    read: {
      tokens: {
        byHash(hash: Uint8Array) {
          asked.times++;
          return [...kept].find((token) => token.hash.every((byte, i) => byte === hash[i]));
        },
      },
    },
    write: {
      tokens: {
        remove: (id: string) => {
          const found = [...kept].find((token) => token.id === id);
          return Promise.resolve(found !== undefined && kept.delete(found));
        },
      },
    },
  };
  return { store: store as unknown as Store, asked };
}

function record(id: string, token: string, expiresAt: number | null): StoredToken {
  const hash = tokenHash(token);
  return { id, name: id, hash, scopes: ["read"], hosts: ["all"], createdAt: 0, createdBy: "test", expiresAt };
}

Deno.test("a token is looked for once, is refused from the moment at which it is over, and once it is removed", async () => {
  const [lasting, short] = [newToken(), newToken()];
  const { store, asked } = storeOf(record("lasting", lasting, null), record("short", short, 1_000));
  let now = 0;
  const book = new TokenBook(store, () => now);
  for (let i = 0; i < 3; i++) assert.equal(book.find(lasting)?.id, "lasting");
  assert.equal(book.find(short)?.id, "short");
  assert.equal(asked.times, 2);
  now = 1_000;
  assert.equal(book.find(short), undefined);
  assert.equal(await book.remove("lasting"), true);
  assert.equal(book.find(lasting), undefined);
});

Deno.test("what strangers try is not remembered, and many tokens push out others but never lie", () => {
  const tokens = Array.from({ length: 1_500 }, newToken);
  const { store, asked } = storeOf(...tokens.map((token, i) => record(`${i}`, token, null)));
  const book = new TokenBook(store, () => 0);
  const stranger = newToken();
  assert.equal(book.find(stranger), undefined);
  assert.equal(book.find(stranger), undefined);
  assert.equal(asked.times, 2);
  tokens.forEach((token, i) => assert.equal(book.find(token)?.id, `${i}`));
  tokens.forEach((token, i) => assert.equal(book.find(token)?.id, `${i}`));
});

Deno.test("a revoked token is refused with the next request, on a connection that it has used", async () => {
  await using w = await world({ hosts: 1 });
  const { token } = await (await w.ask("POST", "/v1/tokens", { body: { name: "guest", scope: "read" } }))
    .json();
  for (let i = 0; i < 3; i++) {
    const answer = await w.ask("GET", "/v1/jobs", { token });
    assert.equal(answer.status, 200);
    await answer.text();
  }
  assert.equal((await w.ask("DELETE", "/v1/tokens/guest")).status, 204);
  assert.equal(await problemCode(await w.ask("GET", "/v1/jobs", { token }), 401), "TokenRefused");
});

Deno.test("a job that is polled is never older than what its asker was told", async () => {
  await using w = await world({ hosts: 2 });
  const get = async (id: string) => await (await w.ask("GET", `/v1/jobs/${id}`)).json();
  for (let i = 0; i < 5; i++) {
    const id = await w.submit({ command: "true" });
    assert.equal((await get(id)).id, id);
    const events = await w.events(id);
    assert.deepEqual(await get(id), events.at(-1)!["document"]);
    assert.equal((await get(id)).state, "done");
  }
});
