/** Connection IDs. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectionId } from "../../lib/wire/connection_id.ts";
import { SeededRandom } from "../simulation/seeded_entropy.ts";

Deno.test("a connection ID is written as it was read", () => {
  const random = new SeededRandom(4, "ids");
  for (let i = 0; i < 200; i++) {
    const bytes = random.bytes(10);
    const id = ConnectionId.read(bytes, 1);
    const copy = new Uint8Array(10);
    id.write(copy, 1);
    assertEquals(copy.subarray(1, 9), bytes.subarray(1, 9));
    assertEquals([copy[0], copy[9]], [0, 0]);
    const hexadecimal = [...bytes.subarray(1, 9)].map((b) => b.toString(16).padStart(2, "0"));
    assertEquals(id.toString(), hexadecimal.join(""));
    assert(Number.isSafeInteger(id.key));
  }
});

Deno.test("IDs with the same key are still told apart", () => {
  const [a, b] = [new ConnectionId(0x0010_0000, 5), new ConnectionId(0x0020_0000, 5)];
  assertEquals(a.key, b.key);
  assertEquals([a.equals(b), a.equals(new ConnectionId(0x0010_0000, 5))], [false, true]);
});

Deno.test("a connection ID needs eight bytes", () => {
  assertThrows(() => ConnectionId.read(new Uint8Array(10), 3));
});
