/**
 * The loop that moves datagrams between the socket and the endpoint: two tasks, one timer.
 *
 * Receiving hands every datagram to the core at once. Sending drains the core after every wake-up
 * (datagram, deadline, application) and then waits for the next one. Each send is awaited: that is the
 * fastest way, and it lets one buffer serve for all.
 *
 * @module
 */
import {
  type Connection,
  createTransmitBatch,
  type Endpoint,
  type EndpointEvent,
} from "../transport/mod.ts";
import { Alarm } from "./alarm.ts";
import type { Clock } from "./clock.ts";
import type { Address, DatagramSocket } from "./datagram_socket.ts";
import { FloodFilter } from "./flood_filter.ts";
import { PacketCollector } from "./packet_collector.ts";
import { TaskGroup } from "./task_group.ts";

/** Received bytes after which acknowledgements are sent before more is read. */
const RECEIVE_BYTES_PER_TURN = 96 * 1024;
/** Shorter waits are left to the socket, because a timer takes 2 ms. */
const SPIN_BELOW_MS = 2.5;
/** While the kernel drops a flood, we look this often whether it is over. */
const FLOOD_LOOK_MS = 500;
/** How much too late a timer fires. */
const TIMER_LATENESS_MS = 1.2;

/** Who hears of what the core reports. */
export interface DriverListener {
  /** A connection was made or an attempt failed. */
  onEndpointEvent(event: EndpointEvent): void;
  /** A connection has events to take. */
  onConnectionEvents(connection: Connection): void;
}

/** Drives one endpoint on one socket. */
export class EndpointDriver {
  readonly #socket: DatagramSocket;
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #listener: DriverListener;
  readonly #floodFilter: FloodFilter;
  readonly #tasks = new TaskGroup();
  readonly #alarm: Alarm;
  readonly #batch = createTransmitBatch();
  #wakeUp: (() => void) | null = null;
  #isWoken = false;
  #isTurnScheduled = false;
  #isClosed = false;
  #receivedSinceTurn = 0;
  readonly #collector = new PacketCollector();
  /** The last look found everything that had arrived. */
  #isDrained = true;
  #nowMs = 0;
  #drained: PromiseWithResolvers<void> | null = null;

  /** Starts both tasks. */
  constructor(
    parts: { socket: DatagramSocket; endpoint: Endpoint; clock: Clock; listener: DriverListener },
  ) {
    this.#socket = parts.socket;
    this.#floodFilter = new FloodFilter(parts.socket);
    this.#endpoint = parts.endpoint;
    this.#clock = parts.clock;
    this.#alarm = new Alarm(parts.clock, this.#tasks, () => this.#wakeNow());
    this.#listener = parts.listener;
    this.#tasks.run("receive", () => this.#receive());
    this.#tasks.run("send", () => this.#send());
  }

  /** Lets the loops have their turn. */
  async yieldTurn(): Promise<void> {
    await this.#clock.yieldTurn();
  }

  /** The core it drives. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** The socket it uses. */
  get socket(): DatagramSocket {
    return this.#socket;
  }

  /** Now, ms on the connection's clock. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Resolves with the first failure of the loops: a bug, since the network's failures are handled. */
  get failed(): Promise<Error> {
    return this.#tasks.failed;
  }

  /** The application did something on a connection: what it has to send goes out this turn. */
  wake(connection: Connection): void {
    this.#endpoint.wake(connection);
    if (connection.events.length > 0) this.#listener.onConnectionEvents(connection);
    this.#wakeSoon();
  }

  /** Something at the endpoint itself changed, such as a new attempt to connect. */
  wakeEndpoint(): void {
    this.#wakeSoon();
  }

  /** Resolves when everything that may be sent now has been sent. */
  async drained(): Promise<void> {
    if (this.#isClosed) return;
    this.#drained ??= Promise.withResolvers<void>();
    this.#wakeSoon();
    await this.#drained.promise;
  }

  /** Ends both tasks and closes the socket. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#socket.close();
      this.#alarm.cancel();
      this.#wakeNow();
    }
    await this.#tasks.join();
  }

  /** One clock reading serves a batch. */
  readonly #onDatagram = (bytes: Uint8Array, from: Address): void => {
    this.#endpoint.handleDatagram(bytes, from, this.#nowMs);
    this.#receivedSinceTurn += bytes.length;
    this.#collector.onDatagram(bytes.length);
  };

  readonly #receivePatienceMs = (): number => this.#endpoint.receivePatienceMs();

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const received = await this.#socket.receive(buffer);
      if (received === null) return;
      this.#collector.onLook();
      this.#nowMs = this.#clock.nowMs();
      this.#onDatagram(received.bytes, received.from);
      this.#receiveArrived();
      this.#afterReceiving();
      if (this.#isDense) await this.#receiveDense();
    }
  }

  /** Receives without Deno's help as long as packets come densely and nothing waits for its moment to be sent. */
  async #receiveDense(): Promise<void> {
    while (this.#isDense) {
      if (this.#isFull) this.#wakeNow();
      await this.#clock.yieldTurn();
      if (this.#isClosed) return;
      if (this.#isFull) continue;
      if (this.#endpoint.nextPrecisePacingMs() < Infinity) return;
      if (this.#isDrained) this.#socket.pause(this.#collector.durationUs);
      this.#collector.onLook();
      this.#receiveArrived();
      this.#afterReceiving();
    }
  }

  get #isDense(): boolean {
    return this.#collector.isWorthwhile && this.#socket.capabilities.batchReceive;
  }

  /** So much has come that it must be acknowledged before more is read. */
  get #isFull(): boolean {
    return this.#receivedSinceTurn >= RECEIVE_BYTES_PER_TURN;
  }

  #afterReceiving(): void {
    this.#collector.onLooked(this.#nowMs, this.#receivePatienceMs);
    this.#watchForFlood(this.#nowMs);
    this.#reportEvents();
    // Acknowledging many datagrams at once is cheaper, but not so late that the sender starves.
    if (this.#isFull) this.#wakeNow();
    else this.#wakeSoon();
  }

  /** Takes what has arrived already, up to the bytes of one turn. */
  #receiveArrived(): void {
    this.#nowMs = this.#clock.nowMs();
    this.#isDrained = false;
    while (!this.#isFull && !this.#isDrained) {
      this.#isDrained = this.#socket.receiveArrived(this.#onDatagram) === 0;
      this.#nowMs = this.#clock.nowMs();
    }
  }

  async #send(): Promise<void> {
    const endpoint = this.#endpoint;
    const batch = this.#batch;
    while (!this.#isClosed) {
      this.#isWoken = false;
      this.#receivedSinceTurn = 0;
      let nowMs = this.#clock.nowMs();
      if (endpoint.nextDeadlineMs() <= nowMs) endpoint.handleTimeout(nowMs);
      this.#watchForFlood(nowMs);
      this.#reportEvents();
      while (endpoint.pollTransmit(batch, nowMs)) {
        const bytes = batch.buffer.subarray(0, batch.length);
        const outcome = await this.#socket.send(bytes, batch.segmentBytes, batch.address);
        if (this.#isClosed) break;
        nowMs = this.#clock.nowMs();
        if (outcome === "too-big" || outcome === "refused") {
          endpoint.onSendFailed(outcome, batch, nowMs);
        }
        this.#reportEvents();
        // Let what has arrived in: acknowledgements must not wait until everything is sent.
        this.#receiveArrived();
        if (!endpoint.hasAnswers) await this.#socket.turn();
        if (endpoint.nextDeadlineMs() <= nowMs) endpoint.handleTimeout(nowMs);
      }
      this.#reportEvents();
      if (this.#isWoken) continue;
      this.#drained?.resolve();
      this.#drained = null;
      if (!this.#isClosed) await this.#waitForWork();
    }
    this.#drained?.resolve();
  }

  /** Sleeps until a deadline, a datagram or the application. */
  async #waitForWork(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const preciseMs = this.#endpoint.nextPrecisePacingMs() - nowMs;
    if (preciseMs < SPIN_BELOW_MS) {
      if (preciseMs > 0) await this.#socket.turn(preciseMs);
      return;
    }
    const deadlineMs = this.#endpoint.nextDeadlineMs();
    const delayMs = Math.min(
      deadlineMs - nowMs,
      preciseMs - TIMER_LATENESS_MS,
      this.#floodFilter.isAttached ? FLOOD_LOOK_MS : Infinity,
    );
    if (delayMs <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeUp = resolve;
    if (delayMs < Infinity) this.#alarm.within(delayMs, nowMs);
    await promise;
    this.#wakeUp = null;
  }

  #watchForFlood(nowMs: number): void {
    const counters = this.#endpoint.handshakeCounters;
    if (counters !== null) this.#floodFilter.onCount(counters.initials, nowMs);
  }

  /** Wakes the sending task now. */
  #wakeNow(): void {
    this.#isWoken = true;
    this.#wakeUp?.();
  }

  /** Wakes the sending task after this turn of the event loop, so that one turn's work goes together. */
  #wakeSoon(): void {
    if (this.#isTurnScheduled || this.#isWoken) return;
    this.#isTurnScheduled = true;
    this.#tasks.run("turn", async () => {
      await this.#clock.yieldTurn();
      this.#isTurnScheduled = false;
      this.#wakeNow();
    });
  }

  #reportEvents(): void {
    const { events } = this.#endpoint;
    if (events.length > 0) {
      for (const event of events.splice(0)) this.#listener.onEndpointEvent(event);
    }
    for (const connection of this.#endpoint.takeEventful()) {
      this.#listener.onConnectionEvents(connection);
    }
  }
}
