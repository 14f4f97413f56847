/** Commands that move files. */

import type { Command, CommandContext, Invocation, Next } from "../command.ts";
import { type CopyPlan, type CopyRequest, planDownload } from "../download_plan.ts";
import { oneTargetEach } from "../one_target_each.ts";
import { quoteWord } from "../parse_line.ts";
import type { TransferCommand } from "../terminal.ts";
import { moveAll } from "../transfer_batch.ts";
import { moveOne } from "../transfer_item.ts";
import { planUpload } from "../upload_plan.ts";

/** `get` and `put`. */
export const transferCommands: readonly Command[] = [
  {
    name: "get",
    aliases: [{ word: "download" }, { word: "dwld" }, { word: "mget" }],
    usage: "get REMOTE… [-o LOCAL] [-r]",
    summary: "fetch files from the server",
    details: ["REMOTE may hold * ? [a-z]. An interrupted file is continued."],
    flags: [
      { letter: "o", value: "LOCAL", meaning: "name here, or the folder for it" },
      { letter: "r", meaning: "folders too, with everything in them" },
    ],
    arguments: { least: 1, most: Infinity },
    completes: "remote",
    run: (invocation, context) => copy("get", planDownload, invocation, context),
  },
  {
    name: "put",
    aliases: [{ word: "upload" }, { word: "upld" }, { word: "mput" }],
    usage: "put LOCAL… [-o REMOTE] [-r]",
    summary: "send files to the server",
    details: ["LOCAL may hold * ? [a-z]. An interrupted file is continued."],
    flags: [
      { letter: "o", value: "REMOTE", meaning: "name on the server, or the folder for it" },
      { letter: "r", meaning: "folders too, with everything in them" },
    ],
    arguments: { least: 1, most: Infinity },
    completes: "local",
    run: (invocation, context) => copy("put", planUpload, invocation, context),
  },
];

async function copy(
  command: TransferCommand,
  plan: (request: CopyRequest, context: CommandContext) => Promise<CopyPlan>,
  invocation: Invocation,
  context: CommandContext,
): Promise<Next> {
  const output = invocation.value("o")?.text ?? null;
  const { items: planned, failures, names, isBatch } = await plan({
    sources: invocation.words,
    output,
    isRecursive: invocation.has("r"),
  }, context);
  const items = oneTargetEach(command, planned, failures, names);
  const [only] = items;
  try {
    if (isBatch || only === undefined) await moveAll(command, items, context, failures);
    else await moveOne(command, only, context);
  } catch (error) {
    const [source, other, ...more] = invocation.words.map(({ text }) => text);
    const isOfTwo = other !== undefined && more.length === 0 && output === null;
    if (isOfTwo && failures.isOnlyNoFile(other)) {
      // With sftp and ftp the second word is the name of the copy.
      context.terminal.note(
        `To name the copy: ${command} ${quoteWord(source!)} -o ${quoteWord(other)}`,
      );
    }
    throw error;
  }
  return "go-on";
}
