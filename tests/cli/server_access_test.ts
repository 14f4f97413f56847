/** What a connection may have is bound to what it has proved. */
import { assertEquals } from "@std/assert";
import { ServerAccess } from "../../lib/cli/server_access.ts";
import type { ServerOptions } from "../../lib/cli/options.ts";
import type { ConnectionHandle } from "../../lib/driver/mod.ts";
import { systemDisk } from "../../lib/files/mod.ts";
import { seededEntropy } from "../hostile/rig.ts";
import { METHOD_COOKIE, METHOD_NONE } from "../../lib/transport/mod.ts";

Deno.test("a connection has its part of the shared memory once it has a role, and not before", async () => {
  assertEquals(await placeOf({ method: METHOD_COOKIE }), "in");
  assertEquals(await placeOf({ method: METHOD_NONE, isOpen: true }), "in");
  assertEquals(await placeOf({ method: METHOD_NONE }), "outside");
  assertEquals(await placeOf({ method: METHOD_NONE, givesCode: true }), "in");
});

/** Where a connection is that has proved its method, and the code if it does. */
async function placeOf(
  { method, isOpen = false, givesCode = false }: {
    method: number;
    isOpen?: boolean;
    givesCode?: boolean;
  },
): Promise<"outside" | "in"> {
  let place: "outside" | "in" = "outside";
  const handle = {
    method,
    peer: { hostname: "198.51.100.7", port: 9 },
    remoteIdentity: new Uint8Array(32),
    handshakeHash: new Uint8Array(32),
    letIn: () => void (place = "in"),
  };
  const access = await prepare({ isOpen });
  const { codeGate } = await access.admit(handle as unknown as ConnectionHandle);
  if (givesCode) await codeGate!.grant({ isKept: false });
  return place;
}

function prepare({ isOpen }: { isOpen: boolean }): Promise<ServerAccess> {
  const options = { codeFile: null, isOpen, isReadOnly: false } as ServerOptions;
  const files = {
    paths: { runtime: null, config: null },
    folder: null,
    options: {
      disk: systemDisk,
      entropy: seededEntropy(1),
      hasModes: true,
      pause: () => Promise.resolve(),
    },
  };
  return ServerAccess.prepare(options, files, "/served", () => {});
}
