/**
 * Keys of an established connection: sealing and opening packets, and updating the keys. After RFC 9001
 * §5 and §6.
 *
 * @module
 */
import {
  type AeadKey,
  type AeadProvider,
  nextSecret,
  packetKeys,
  type SuiteName,
  SUITES,
  TAG_BYTES,
} from "../crypto/mod.ts";
import { keyPhaseOf, shortHeaderBytes } from "../wire/packet_header.ts";

/** What the handshake agreed on. */
export interface ProtectionSecrets {
  /** Cipher suite of both directions. */
  readonly suite: SuiteName;
  /** 32-byte secret of what we send. */
  readonly sendSecret: Uint8Array;
  /** 32-byte secret of what we receive. */
  readonly receiveSecret: Uint8Array;
}

/** One direction's present key and the secret it came from. */
interface Generation {
  secret: Uint8Array;
  key: AeadKey;
}

/** Seals and opens short-header packets in place. */
export class PacketProtection {
  readonly #provider: AeadProvider;
  readonly #suite: SuiteName;
  readonly #updateAfterPackets: number;
  readonly #leastPacketsPerUpdate: number;
  #send: Generation;
  #sendPhase: 0 | 1 = 0;
  #sealedPackets = 0;
  /** First packet sealed with the present key; -1 while there is none. */
  #sendPhaseFirstPacket = 0;
  #isUpdateConfirmed = true;
  #receive: Generation;
  #receivePhase: 0 | 1 = 0;
  #receivePhaseFirstPacket = 0;
  /** Packets opened with the present key. */
  #openedPackets = 0;
  #previousReceive: AeadKey | null = null;
  #nextReceive: Generation | null = null;
  /** Packets that did not open. */
  failedOpens = 0;

  /** Derives the first keys. */
  constructor(
    provider: AeadProvider,
    secrets: ProtectionSecrets,
    options: {
      updateAfterPackets: number;
      /** Updates of the peer that follow fewer packets are not taken: they are many times dearer to us. */
      leastPacketsPerUpdate?: number;
    },
  ) {
    this.#provider = provider;
    this.#suite = secrets.suite;
    this.#updateAfterPackets = options.updateAfterPackets;
    this.#leastPacketsPerUpdate = options.leastPacketsPerUpdate ?? 0;
    this.#send = this.#derive(secrets.sendSecret);
    this.#receive = this.#derive(secrets.receiveSecret);
  }

  /** Suite in use. */
  get suite(): SuiteName {
    return this.#suite;
  }

  /** Name of the provider in use. */
  get providerName(): string {
    return this.#provider.name;
  }

  /** Key phase bit of the next packet. */
  get keyPhase(): 0 | 1 {
    return this.#sendPhase;
  }

  /** True when failed opens reach the integrity limit and the connection must end. RFC 9001 §6.6. */
  get isIntegrityLimitReached(): boolean {
    return this.failedOpens >= SUITES[this.#suite].integrityLimitPackets;
  }

  /**
   * Seals the packet at `start` whose header is complete and whose plaintext of `plaintextBytes` follows
   * it; the tag is written behind. The header's key phase must be `keyPhase`.
   */
  seal(buffer: Uint8Array, start: number, plaintextBytes: number, packetNumber: number): void {
    this.#onSeal(packetNumber);
    const headerBytes = shortHeaderBytes(buffer[start]!);
    this.#send.key.seal(buffer, start, headerBytes, plaintextBytes, packetNumber);
  }

  /** The same with the plaintext in other memory, at `source[sourceStart]`. */
  sealFrom(
    buffer: Uint8Array,
    start: number,
    source: Uint8Array,
    sourceStart: number,
    plaintextBytes: number,
    packetNumber: number,
  ): void {
    this.#onSeal(packetNumber);
    const key = this.#send.key;
    const headerBytes = shortHeaderBytes(buffer[start]!);
    key.sealFrom(buffer, start, headerBytes, source, sourceStart, plaintextBytes, packetNumber);
  }

  /**
   * Opens the packet of `packetBytes` at `start` in place. False when it was not made by the peer; what
   * is behind the header is then undefined.
   */
  open(buffer: Uint8Array, start: number, packetBytes: number, packetNumber: number): boolean {
    const headerBytes = shortHeaderBytes(buffer[start]!);
    const sealedBytes = packetBytes - headerBytes;
    if (sealedBytes < TAG_BYTES) return false;
    if (keyPhaseOf(buffer[start]!) === this.#receivePhase) {
      if (this.#receive.key.open(buffer, start, headerBytes, sealedBytes, packetNumber)) {
        this.#openedPackets++;
        return true;
      }
    } else if (packetNumber < this.#receivePhaseFirstPacket) {
      // Sent before the last update and overtaken by it.
      if (
        this.#previousReceive?.open(buffer, start, headerBytes, sealedBytes, packetNumber)
      ) return true;
    } else if (
      this.#isUpdateWelcome &&
      this.#openNextPhase(buffer, start, { headerBytes, sealedBytes }, packetNumber)
    ) {
      return true;
    }
    this.failedOpens++;
    return false;
  }

  /** A packet that we sent was acknowledged: tells when a key update has reached the peer. */
  onPacketAcked(packetNumber: number): void {
    const first = this.#sendPhaseFirstPacket;
    if (first >= 0 && packetNumber >= first) this.#isUpdateConfirmed = true;
  }

  /**
   * Starts a key update when the present key has sealed enough. RFC 9001 §6.1: never while the last
   * update is unconfirmed.
   *
   * @param nextPacketNumber First packet that the new key will seal.
   */
  updateIfDue(nextPacketNumber: number): void {
    if (this.#sealedPackets >= this.#updateAfterPackets && this.#isUpdateConfirmed) {
      this.#updateSend(nextPacketNumber);
    }
  }

  /** Wipes every key. */
  destroy(): void {
    this.#send.key.destroy();
    this.#receive.key.destroy();
    this.#previousReceive?.destroy();
    this.#nextReceive?.key.destroy();
    this.#previousReceive = null;
    this.#nextReceive = null;
  }

  /** The peer follows an update of ours, or has used its key for a while. */
  get #isUpdateWelcome(): boolean {
    return this.#sendPhase !== this.#receivePhase ||
      this.#openedPackets >= this.#leastPacketsPerUpdate;
  }

  #onSeal(packetNumber: number): void {
    if (this.#sendPhaseFirstPacket < 0) this.#sendPhaseFirstPacket = packetNumber;
    this.#sealedPackets++;
  }

  #openNextPhase(
    buffer: Uint8Array,
    start: number,
    { headerBytes, sealedBytes }: { headerBytes: number; sealedBytes: number },
    packetNumber: number,
  ): boolean {
    this.#nextReceive ??= this.#derive(nextSecret(this.#receive.secret));
    const next = this.#nextReceive;
    // A failed open destroys the packet's bytes, so exactly one key is tried for each packet.
    if (!next.key.open(buffer, start, headerBytes, sealedBytes, packetNumber)) return false;
    this.#previousReceive?.destroy();
    this.#previousReceive = this.#receive.key;
    this.#receive = next;
    this.#nextReceive = null;
    this.#receivePhase = this.#receivePhase === 0 ? 1 : 0;
    this.#receivePhaseFirstPacket = packetNumber;
    this.#openedPackets = 0;
    // Answer an update with our own, so that both directions stay in step. RFC 9001 §6.2.
    if (this.#sendPhase !== this.#receivePhase) this.#updateSend(-1);
    return true;
  }

  #updateSend(firstPacket: number): void {
    const next = this.#derive(nextSecret(this.#send.secret));
    this.#send.key.destroy();
    this.#send = next;
    this.#sendPhase = this.#sendPhase === 0 ? 1 : 0;
    this.#sealedPackets = 0;
    this.#sendPhaseFirstPacket = firstPacket;
    this.#isUpdateConfirmed = false;
  }

  #derive(secret: Uint8Array): Generation {
    const { key, iv } = packetKeys(secret, this.#suite);
    return { secret, key: this.#provider.createKey(this.#suite, key, iv) };
  }
}
