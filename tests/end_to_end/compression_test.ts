import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Stage } from "./support.ts";

const LINES = Array.from({ length: 40_000 }, (_, i) => `${i} bottles of ${i * i} beers\n`);
const TEXT = LINES.join("");

Deno.test("client: --compress moves text in less than half of its bytes, both ways", async () => {
  await using stage = await Stage.set();
  await stage.write(stage.serverFiles, "a.txt", TEXT);
  for (let i = 0; i < 50; i++) {
    await stage.write(
      stage.serverFiles,
      `tree/${i % 5}/${i}.txt`,
      LINES.slice(i, i + 200).join(""),
    );
  }
  await stage.startServer();
  const result = await stage.script(
    ["get a.txt", "status", "put a.txt -o b.txt", "get -r tree", "put -r tree -o copy", "status"],
    ["--json", "--compress"],
  );
  assertEquals([result.code, result.stderr], [0, ""]);
  const [afterGet, atEnd] = result.client.events("result");
  assert(Number(afterGet?.bytesReceived) < TEXT.length / 2, JSON.stringify(afterGet));
  assert(Number(atEnd?.bytesSent) < TEXT.length / 2, JSON.stringify(atEnd));
  const [connected] = result.client.events("connected");
  assert((connected?.accelerators as string[]).includes("zstd"));
  const read = (folder: string, name: string) => Deno.readTextFile(join(folder, name));
  assertEquals(await read(stage.clientFiles, "a.txt"), TEXT);
  assertEquals(await read(stage.serverFiles, "b.txt"), TEXT);
  for (let i = 0; i < 50; i++) {
    const content = LINES.slice(i, i + 200).join("");
    assertEquals(await read(stage.clientFiles, `tree/${i % 5}/${i}.txt`), content);
    assertEquals(await read(stage.serverFiles, `copy/${i % 5}/${i}.txt`), content);
  }
});
