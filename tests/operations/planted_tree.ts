/**
 * A small tree on the server, and what became of it.
 *
 * @module
 */
import { assertRejects } from "@std/assert";
import { formatRemotePath } from "../../lib/files/mod.ts";
import { walkTree } from "../../lib/operations/mod.ts";
import { RemoteError } from "../../lib/request/mod.ts";
import { path, sampleBytes, type Service } from "./service.ts";

/** Status and path of a refused request. */
export async function refusal(asked: Promise<unknown>): Promise<[string, string]> {
  const { status, path } = await assertRejects(() => asked, RemoteError);
  return [status, path];
}

/** Makes `x/`, `x/b.txt`, `x/y/`, `x/y/c.txt` and `a.txt` on the server. */
export async function plant(service: Service): Promise<void> {
  for (const name of ["a.txt", "x/b.txt", "x/y/c.txt"]) {
    await service.server.write(name, sampleBytes(name.length));
  }
}

/** Every path on the server. */
export async function namesBelow(service: Service): Promise<string[]> {
  const pages = await Array.fromAsync(walkTree(service.caller, path("/")));
  return pages.flatMap(({ entries }) => entries.map((entry) => formatRemotePath(entry.path)));
}
