/**
 * A certificate for the QUIC yardstick, made with the `openssl` command.
 *
 * @module
 */
import { join } from "@std/path";
import { run, Unavailable } from "./network.ts";

/** PEM texts of an authority and of a server certificate that it signed. */
export interface BenchCertificate {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/**
 * Makes an authority and a leaf that is valid for the given addresses for one day.
 *
 * Deno's QUIC refuses a self-signed leaf: it wants an authority, `CA:FALSE` and the address.
 *
 * @throws {Unavailable} When there is no openssl.
 */
export async function makeCertificate(
  directory: string,
  addresses: readonly string[],
): Promise<BenchCertificate> {
  const path = (name: string) => join(directory, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const extensions = [
    "basicConstraints=CA:FALSE",
    `subjectAltName=${addresses.map((address) => `IP:${address}`).join(",")}`,
  ];
  await Deno.writeTextFile(path("leaf.ext"), extensions.join("\n") + "\n");
  try {
    await run(
      ...["openssl", "req", "-x509", ...newKey, "-days", "1", "-subj", "/CN=Benchmark CA"] as const,
      ...["-keyout", path("ca.key"), "-out", path("ca.pem")],
    );
    await run(
      ...["openssl", "req", ...newKey, "-subj", "/CN=Benchmark"] as const,
      ...["-keyout", path("leaf.key"), "-out", path("leaf.csr")],
    );
    await run(
      ...["openssl", "x509", "-req", "-in", path("leaf.csr"), "-days", "1"] as const,
      ...["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial"],
      ...["-extfile", path("leaf.ext"), "-out", path("leaf.pem")],
    );
  } catch (cause) {
    throw new Unavailable(`no certificate for QUIC: ${(cause as Error).message}`);
  }
  const [authority, certificate, key] = await Promise.all(
    ["ca.pem", "leaf.pem", "leaf.key"].map((name) => Deno.readTextFile(path(name))),
  );
  return { authority: authority!, certificate: certificate!, key: key! };
}
