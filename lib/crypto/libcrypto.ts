/**
 * Packet protection by the system's libcrypto (OpenSSL 1.1.1 or 3), called through FFI: five to twenty
 * times as fast as `node:crypto` for packets. The only file of this folder that calls `Deno`.
 *
 * A packet costs five calls into the library, so the calls must be cheap. What was measured, per call:
 *
 * - `u64` parameters given as bigints: 5 ns. V8 then calls the function directly, and an address
 *   computed as `BigInt.asUintN(64, base + BigInt(offset))` is an addition of machine words: no bigint
 *   is ever made. The same parameter given as a number leaves the fast path: 80 ns.
 * - `buffer` parameters: 13 ns and another 24 for the `subarray` each of them needs.
 * - `pointer` parameters: 4 ns, but 60 to make a pointer object for a new address.
 *
 * Per packet of 1440 bytes, seal and open alike, that made 550 ns of 690 with AES-128-GCM (of which the
 * cipher itself takes 330) and 1000 of 1160 with ChaCha20-Poly1305.
 *
 * So all pointers are bigints, and the address of a packet is that of its buffer, looked up once, plus an
 * offset. Two more things keep the calls few: the context keeps the key, so that a packet sets only
 * its nonce; and the nonce, which lies in memory that never moves, is changed in place.
 *
 * @module
 */
import { InternalError } from "../bytes/invariant.ts";
import {
  type AeadKey,
  type AeadProvider,
  checkInside,
  checkKeyLengths,
  destroyedKeyError,
  type Gmac,
  isInside,
  PacketNonce,
  type SuiteName,
  TAG_BYTES,
} from "./aead.ts";
import {
  DECRYPT,
  ENCRYPT,
  type Functions,
  GET_TAG,
  type Library,
  NULL,
  OK,
  SET_TAG,
  SYMBOLS,
} from "./libcrypto_functions.ts";
import { LibcryptoGmac } from "./libcrypto_gmac.ts";
import { agreesWithNode } from "./provider_agreement.ts";

/**
 * The provider of the system's libcrypto, or null where it cannot be used: no FFI permission (it is
 * never asked for), no such library, a function missing, or one result that differs from `node:crypto`.
 */
export function openLibcrypto(): AeadProvider | null {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return null;
  return opened ??= openOnce();
}

/**
 * The provider, once it was opened. One for the process: V8 calls native code directly only where it has
 * seen a single function, and a second `dlopen` would make a second set of them.
 */
let opened: AeadProvider | null = null;

function openOnce(): AeadProvider | null {
  for (const name of LIBRARY_NAMES[Deno.build.os] ?? []) {
    const library = load(name);
    if (library === null) continue;
    const provider = new LibcryptoProvider(library.symbols);
    if (agreesWithNode(provider)) return provider;
    library.close();
  }
  return null;
}

/**
 * Where to look. Names with a version only: on macOS the system's own unversioned libcrypto ends the
 * process that loads it, and elsewhere it may be anything.
 */
const LIBRARY_NAMES: Partial<Record<typeof Deno.build.os, readonly string[]>> = {
  linux: ["libcrypto.so.3", "libcrypto.so.1.1"],
  darwin: [
    "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib",
    "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib",
    "/opt/homebrew/opt/openssl@1.1/lib/libcrypto.1.1.dylib",
    "/usr/local/opt/openssl@1.1/lib/libcrypto.1.1.dylib",
  ],
};

function load(name: string): Library | null {
  try {
    return Deno.dlopen(name, SYMBOLS);
  } catch {
    return null;
  }
}

class LibcryptoProvider implements AeadProvider {
  readonly name = "libcrypto";
  readonly #functions: Functions;
  /** Where buffers lie. Weak: a buffer that is dropped elsewhere is dropped here. */
  readonly #addresses = new WeakMap<ArrayBufferLike, bigint>();
  /** What the library writes and nobody reads: 16 bytes that a cipher may flush, and a length. */
  readonly #scratch = new ArrayBuffer(32);
  readonly #scratchAddress: bigint;
  readonly isQuickWithLeaves = true;

  constructor(functions: Functions) {
    this.#functions = functions;
    this.#scratchAddress = this.addressOf(this.#scratch);
  }

  createKey(suite: SuiteName, key: Uint8Array, iv: Uint8Array): AeadKey {
    checkKeyLengths(suite, key, iv);
    const functions = this.#functions;
    const context = functions.EVP_CIPHER_CTX_new();
    if (context === NULL) throw new InternalError("libcrypto has no memory for a cipher context");
    const cipher = suite === "aes-128-gcm"
      ? functions.EVP_aes_128_gcm()
      : functions.EVP_chacha20_poly1305();
    const keyCopy = key.slice();
    const keyAddress = this.addressOf(keyCopy.buffer);
    const nonce = new PacketNonce(iv);
    const result = cipher === NULL ? 0 : functions.EVP_CipherInit_ex(
      context,
      cipher,
      NULL,
      keyAddress,
      this.addressOf(nonce.bytes.buffer),
      ENCRYPT,
    );
    keyCopy.fill(0);
    if (result !== OK) {
      functions.EVP_CIPHER_CTX_free(context);
      throw new InternalError(`libcrypto refuses ${suite}`);
    }
    return new LibcryptoKey(this, functions, context, nonce, this.#scratchAddress);
  }

  createGmac(): Gmac {
    return new LibcryptoGmac(this, this.#functions);
  }

  /** The address of the first byte of a buffer. Buffers do not move, whatever the collector does. */
  addressOf(memory: ArrayBufferLike): bigint {
    // Nobody reads there, but the null pointer that an empty buffer may have tells the library something.
    if (memory.byteLength === 0) return this.#scratchAddress;
    let address = this.#addresses.get(memory);
    if (address === undefined) {
      const pointer = Deno.UnsafePointer.of(new Uint8Array(memory as ArrayBuffer));
      address = BigInt(Deno.UnsafePointer.value(pointer));
      this.#addresses.set(memory, address);
    }
    return address;
  }
}

/**
 * Where the last view lies. Callers use one arena for long, so mostly the view is the same; a new view
 * costs some 40 ns.
 */
class LastView {
  readonly #provider: LibcryptoProvider;
  #memory: ArrayBufferLike | null = null;
  /** The view that the rest is about. */
  view: Uint8Array | null = null;
  /** Its offset in the memory behind it. */
  offset = 0;
  /** Address of that memory. */
  memoryAddress = NULL;

  constructor(provider: LibcryptoProvider) {
    this.#provider = provider;
  }

  become(view: Uint8Array): void {
    const memory = view.buffer;
    if (memory !== this.#memory) {
      this.memoryAddress = this.#provider.addressOf(memory);
      this.#memory = memory;
    }
    this.offset = view.byteOffset;
    this.view = view;
  }

  forget(): void {
    this.view = null;
    this.#memory = null;
  }
}

class LibcryptoKey implements AeadKey {
  readonly #functions: Functions;
  readonly #nonce: PacketNonce;
  readonly #nonceAddress: bigint;
  readonly #scratchAddress: bigint;
  readonly #lengthAddress: bigint;
  /** EVP_CIPHER_CTX that holds the key, for both directions; null pointer once destroyed. */
  #context: bigint;
  readonly #packets: LastView;
  readonly #sources: LastView;

  constructor(
    provider: LibcryptoProvider,
    functions: Functions,
    context: bigint,
    nonce: PacketNonce,
    scratchAddress: bigint,
  ) {
    this.#packets = new LastView(provider);
    this.#sources = new LastView(provider);
    this.#functions = functions;
    this.#context = context;
    this.#nonce = nonce;
    this.#nonceAddress = provider.addressOf(nonce.bytes.buffer);
    this.#scratchAddress = scratchAddress;
    this.#lengthAddress = scratchAddress + 16n;
  }

  seal(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    plaintextLength: number,
    packetNumber: number,
  ): void {
    const bodyStart = start + headerLength;
    this.sealFrom(buffer, start, headerLength, buffer, bodyStart, plaintextLength, packetNumber);
    // A key in no hurry keeps no memory of others alive.
    this.#sources.forget();
  }

  sealFrom(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    source: Uint8Array,
    sourceStart: number,
    plaintextLength: number,
    packetNumber: number,
  ): void {
    const context = this.#context;
    if (context === NULL) throw destroyedKeyError();
    // Memory is safe because of this check and nothing else. A view of detached memory has length 0.
    checkInside(buffer, start, headerLength, source, sourceStart, plaintextLength);
    this.#nonce.setForSealing(packetNumber);
    const packets = this.#packets;
    if (buffer !== packets.view) packets.become(buffer);
    const sources = source === buffer ? packets : this.#sources;
    if (source !== sources.view) sources.become(source);
    const functions = this.#functions;
    const header = BigInt.asUintN(64, packets.memoryAddress + BigInt(packets.offset + start));
    const body = BigInt.asUintN(64, header + BigInt(headerLength));
    const tag = BigInt.asUintN(64, body + BigInt(plaintextLength));
    const from = BigInt.asUintN(64, sources.memoryAddress + BigInt(sources.offset + sourceStart));
    const length = this.#lengthAddress;
    const isDone =
      functions.EVP_CipherInit_ex(context, NULL, NULL, NULL, this.#nonceAddress, ENCRYPT) === OK &&
      functions.EVP_CipherUpdate(context, NULL, length, header, headerLength) === OK &&
      functions.EVP_CipherUpdate(context, body, length, from, plaintextLength) === OK &&
      functions.EVP_CipherFinal_ex(context, this.#scratchAddress, length) === OK &&
      functions.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG_BYTES, tag) === OK;
    if (!isDone) throw new InternalError("libcrypto could not seal a packet");
  }

  open(
    buffer: Uint8Array,
    start: number,
    headerLength: number,
    ciphertextLength: number,
    packetNumber: number,
  ): boolean {
    const context = this.#context;
    if (context === NULL) throw destroyedKeyError();
    if (!isInside(buffer, start, headerLength, ciphertextLength)) return false;
    this.#nonce.setForOpening(packetNumber);
    const packets = this.#packets;
    if (buffer !== packets.view) packets.become(buffer);
    const functions = this.#functions;
    const plaintextLength = ciphertextLength - TAG_BYTES;
    const header = BigInt.asUintN(64, packets.memoryAddress + BigInt(packets.offset + start));
    const body = BigInt.asUintN(64, header + BigInt(headerLength));
    const tag = BigInt.asUintN(64, body + BigInt(plaintextLength));
    const length = this.#lengthAddress;
    const isGenuine =
      functions.EVP_CipherInit_ex(context, NULL, NULL, NULL, this.#nonceAddress, DECRYPT) === OK &&
      functions.EVP_CIPHER_CTX_ctrl(context, SET_TAG, TAG_BYTES, tag) === OK &&
      functions.EVP_CipherUpdate(context, NULL, length, header, headerLength) === OK &&
      functions.EVP_CipherUpdate(context, body, length, body, plaintextLength) === OK &&
      functions.EVP_CipherFinal_ex(context, this.#scratchAddress, length) === OK;
    if (!isGenuine) {
      // What lies there now was decrypted but proved false: nobody shall see it.
      const bodyStart = start + headerLength;
      buffer.fill(0, bodyStart, bodyStart + plaintextLength);
    }
    return isGenuine;
  }

  destroy(): void {
    if (this.#context === NULL) return;
    // Freeing a context also wipes the key schedule inside.
    this.#functions.EVP_CIPHER_CTX_free(this.#context);
    this.#context = NULL;
    this.#nonce.wipe();
    this.#packets.forget();
    this.#sources.forget();
  }
}
