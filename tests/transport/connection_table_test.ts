import { assert, assertEquals } from "@std/assert";
import { ConnectionTable } from "../../lib/transport/connection_table.ts";
import { ConnectionId } from "../../lib/wire/connection_id.ts";

const LIMITS = { maxConnections: 10, maxConnectionsPerSource: 1 };

function connectionAt(hostname: string, low: number) {
  return {
    address: { hostname, port: 5555 },
    handshake: { localId: new ConnectionId(7, low) },
  };
}

Deno.test("ConnectionTable finds a connection by its whole ID, until it is removed", () => {
  const table = new ConnectionTable<ReturnType<typeof connectionAt>>(LIMITS, {
    isDedicated: false,
  });
  const connection = connectionAt("192.0.2.1", 1);
  table.add(connection);
  assertEquals(table.find(new ConnectionId(7, 1)), connection);
  assertEquals(table.find(new ConnectionId(7, 2)), null);
  assertEquals([table.only, table.size], [null, 1]);
  assert(table.remove(connection));
  assert(!table.remove(connection));
  assertEquals([table.find(new ConnectionId(7, 1)), table.size], [null, 0]);
});

Deno.test("ConnectionTable counts a connection where it came from, even when it has moved", () => {
  const table = new ConnectionTable<ReturnType<typeof connectionAt>>(LIMITS, {
    isDedicated: false,
  });
  const connection = connectionAt("192.0.2.1", 1);
  table.add(connection);
  connection.address = { hostname: "192.0.2.9", port: 5555 };
  assert(table.isFull("192.0.2.1"));
  assert(!table.isFull("192.0.2.9"));
  table.remove(connection);
  assert(!table.isFull("192.0.2.1"));
});

Deno.test("ConnectionTable of a dedicated socket knows its one connection without an ID", () => {
  const table = new ConnectionTable<ReturnType<typeof connectionAt>>(LIMITS, { isDedicated: true });
  const connection = connectionAt("192.0.2.1", 1);
  assertEquals(table.only, null);
  table.add(connection);
  assertEquals(table.only, connection);
  table.remove(connection);
  assertEquals(table.only, null);
});
