/** Spans of a second, two of them looked back on. */
import { assertEquals } from "@std/assert";
import { WindowedMinimum } from "../../lib/collections/windowed_minimum.ts";

Deno.test("WindowedMinimum forgets a value two to three spans after it came", () => {
  for (const cameAtMs of [5000, 5500, 5999]) {
    const minimum = new WindowedMinimum(1000, 2);
    // The first value begins the first span.
    minimum.onValue(9, 5000);
    minimum.onValue(1, cameAtMs);
    assertEquals(minimum.value, 1);
    minimum.onValue(7, 7999);
    assertEquals(minimum.value, 1);
    minimum.onValue(8, 8000);
    assertEquals(minimum.value, 7);
  }
});

Deno.test("WindowedMinimum knows nothing before the first value and after a reset", () => {
  const minimum = new WindowedMinimum(1000, 2);
  assertEquals(minimum.value, Infinity);
  minimum.onValue(3, 100);
  minimum.reset();
  assertEquals(minimum.value, Infinity);
  minimum.onValue(4, 150);
  assertEquals(minimum.value, 4);
});

Deno.test("WindowedMinimum forgets everything in a pause that is longer than it looks back", () => {
  const minimum = new WindowedMinimum(1000, 2);
  minimum.onValue(3, 100);
  minimum.onValue(4, 1e9);
  assertEquals(minimum.value, 4);
  minimum.onValue(5, 1e9 + 2999);
  assertEquals(minimum.value, 4);
  minimum.onValue(5, 1e9 + 3000);
  assertEquals(minimum.value, 5);
});
