import { assertEquals } from "@std/assert";
import type { TransferOptions } from "../../lib/operations/mod.ts";
import type { Command } from "../../lib/shell/command.ts";
import { Shell } from "../../lib/shell/mod.ts";
import { moveOne } from "../../lib/shell/transfer_item.ts";
import { ShellStage } from "./shell_stage.ts";

Deno.test("moveOne() says who the server is", async () => {
  await using stage = await ShellStage.set();
  const { session, terminal } = stage;
  const seen: TransferOptions[] = [];
  const probe: Command = {
    ...{ name: "probe", aliases: [], usage: "probe", summary: "", completes: "none" },
    arguments: { least: 0, most: 0 },
    run: async (_invocation, context) => {
      const local = await context.local.place("a");
      await moveOne("get", {
        ...{ name: "a", targetName: "a", sizeBytes: null, isPackable: false },
        ends: { local, remote: local.path },
        move: (_caller, options) => {
          seen.push(options);
          return Promise.resolve({
            ...{ name: "a", bytes: 0, totalBytes: 0, resumedFrom: 0, sha256: null },
            ...{ skipped: false, target: "a", limit: null },
          });
        },
      }, context);
      return "go-on";
    },
  };
  stage.shell = new Shell({ session, terminal, exists: "overwrite", commands: [probe] });
  assertEquals(await stage.run("probe"), 0);
  assertEquals(seen.map(({ peer }) => peer), ["SHA256:stage"]);
});
