import assert from "node:assert/strict";
import fc from "fast-check";
import { SmallMap } from "../../../actors/kernel/small_map.ts";

Deno.test("a small map is a map", () => {
  const step = fc.record({ add: fc.boolean(), key: fc.nat(4) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const small = new SmallMap<number, { at: number }>();
    const map = new Map<number, { at: number }>();
    steps.forEach(({ add, key }, at) => {
      if (add) {
        small.set(key, { at });
        map.set(key, { at });
      } else assert.equal(small.delete(key), map.delete(key));
      assert.equal(small.size, map.size);
      assert.deepEqual([...small], [...map]);
      assert.deepEqual([...small.keys()], [...map.keys()]);
      assert.deepEqual([...small.values()], [...map.values()]);
      for (let other = 0; other < 5; other++) {
        assert.equal(small.has(other), map.has(other));
        assert.deepEqual(small.get(other), map.get(other));
      }
    });
  }));
});

Deno.test("entries of a small map may be deleted while they are iterated", () => {
  const small = new SmallMap<number, object>();
  for (let key = 0; key < 4; key++) small.set(key, {});
  const seen: number[] = [];
  for (const [key] of small) {
    seen.push(key);
    small.delete(key);
  }
  assert.deepEqual(seen, [0, 1, 2, 3]);
  assert.equal(small.size, 0);
});
