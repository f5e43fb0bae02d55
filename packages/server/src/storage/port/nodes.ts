/** The store's port: the processes that share the database, and what they tell each other. @module */

/**
 * A node's right to attempt deliveries: a number, greater for each node that joins. Written beside every delivery
 * that the node holds, so that a node which was taken for dead cannot record over its successor.
 */
export type Lease = number

/** What a node tells the others of itself. */
export interface NodeState {
  readonly version: string
  readonly host: string
  readonly pid: number
  /** Deliveries held in memory. */
  readonly held: number
  /** Attempts under way. */
  readonly inFlight: number
}

/** A process that shares the database. */
export interface Node {
  readonly lease: Lease
  /** `null` until its first beat. */
  readonly state: NodeState | null
  /** Epoch ms. */
  readonly joinedAt: number
  /** Milliseconds since it last told that it lives. */
  readonly silentMs: number
}

/** The nodes. */
export interface NodeStore {
  /** Silence after which a node is dead and its work is taken over, in milliseconds; `null` where there is only one node. */
  readonly takeOverAfterMs: number | null
  /** Makes this process a node that may hold deliveries, and frees what nodes that are known dead held. */
  joinAsNode(now: number): Promise<Lease>
  /**
   * Tells the other nodes that this one lives, and takes over what those held that have not told so for too long. To be
   * called each second. `false` where this node was itself taken for dead: what it holds is another's now, so that it has to
   * give up its attempts and join anew.
   */
  beat(lease: Lease, now: number, state?: NodeState): Promise<boolean>
  /** Lists the nodes by lease: the longest joined first. */
  listNodes(): Promise<Node[]>
  /** Returns how far the database's clock is ahead of this machine's, in milliseconds; 0 where they are one. */
  clockOffsetMs(): number

  /**
   * Calls the listener when another node may have left something due. It may be called for nothing, and a poll finds what
   * it was not called for.
   */
  onDue(listener: () => void): void
  /** Tells the other nodes that an endpoint is to be left alone until an instant, or no more: `null`. Word may be lost. */
  tellBreaker(endpointId: string, openUntil: number | null): void
  /** Calls the listener with what another node told by {@link NodeStore.tellBreaker}. */
  onBreaker(listener: (endpointId: string, openUntil: number | null) => void): void
}
