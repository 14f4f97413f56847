import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { loadIdentity } from "../../lib/access/mod.ts";
import { countingEntropy, folderOptions, withPrivateFolder } from "./support.ts";

Deno.test("loadIdentity() gives the same key at every start, and each program its own", async () => {
  await withPrivateFolder(async (folder) => {
    const first = await loadIdentity(folder, "server", countingEntropy(1));
    const again = await loadIdentity(folder, "server", countingEntropy(2));
    const client = await loadIdentity(folder, "client", countingEntropy(3));
    assertEquals([first.isKept, first.warning], [true, null]);
    assertEquals(again.identity, first.identity);
    assertNotEquals(client.identity.publicKey, first.identity.publicKey);
  });
});

Deno.test("loadIdentity() makes a key for now when none can be kept, and says why", async () => {
  const homeless = await loadIdentity(null, "client", countingEntropy());
  assertEquals([homeless.isKept, homeless.identity.publicKey.length], [false, 32]);
  assertMatch(homeless.warning!, /for this start only/);
  await withPrivateFolder(async (folder) => {
    await folder.write("server_key", new TextEncoder().encode("no key\n"));
    assertMatch((await loadIdentity(folder, "server", countingEntropy())).warning!, /holds no key/);
    if (!folderOptions.hasModes) return;
    await loadIdentity(folder, "client", countingEntropy());
    await Deno.chmod(`${folder.path}/client_key`, 0o604);
    const exposed = await loadIdentity(folder, "client", countingEntropy());
    assert(!exposed.isKept);
    assertMatch(exposed.warning!, /others may read/);
  });
});
