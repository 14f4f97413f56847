import { assertEquals, assertRejects } from "@std/assert";
import { ClientAccess } from "../../lib/cli/client_access.ts";
import { systemEntropy } from "../../lib/driver/mod.ts";
import { systemDisk } from "../../lib/files/mod.ts";
import { ConnectFailure } from "../../lib/shell/mod.ts";

const TARGET = { host: "h", port: 7 };

Deno.test("askCode() says where the code stands, and once for each wrong one that it was wrong", async () => {
  const notes: string[] = [];
  const prompts: string[] = [];
  const access = await ClientAccess.prepare({
    files: {
      paths: { runtime: null, config: null },
      folder: null,
      options: {
        disk: systemDisk,
        entropy: systemEntropy,
        hasModes: true,
        pause: () => Promise.resolve(),
      },
    },
    givenCode: null,
    readSecret(prompt) {
      prompts.push(prompt);
      return Promise.resolve({
        kind: "line",
        text: prompts.length === 1 ? "short" : "long-enough",
      });
    },
    note: (line) => notes.push(line),
  });
  for (let attempt = 0; attempt < 3; attempt++) await access.askCode(TARGET, attempt);
  await assertRejects(() => access.askCode(TARGET, 3), ConnectFailure, "Wrong access code");
  assertEquals(notes, [
    "Without access to the folder of its keys this client cannot show whose it is.",
    "The access code stands on the server's console.",
    "An access code has at least 8 letters and digits, such as K7QF-9X2M.",
    "Wrong access code for h port 7.",
    "Wrong access code for h port 7.",
  ]);
  assertEquals(prompts, Array.from({ length: 4 }, () => "Access code of h port 7: "));
});
