/** What a request is judged and counted by. */

import { subscriberOf } from '../number/subscriber.js';
import { lookUp, type Numbering } from './numbering.js';
import { clientNetwork, type PolicyRequest, type PolicyRow, type Subject } from './request.js';
import type { LimitKeys } from './windows.js';

/** A keyed HMAC; equal for equal arguments and for nothing else. */
export type PolicyHmac = (domain: 'recipient' | 'block' | 'client_ip', text: string) => string;

/**
 * A subject whose HMACs are made when they are asked for: a number that is never written to needs
 * none of them. Without `caller`, what counts by it is left out.
 */
export class RequestSubject implements Subject {
  readonly recipient: Subject['recipient'];
  readonly caller: string | undefined;
  readonly isAlert: boolean;
  readonly numbering: Numbering;
  readonly #hmac: PolicyHmac;
  readonly #network: string | undefined;
  #recipientHmac: string | undefined;
  #blockHmac: string | undefined;
  #ipHmac: string | undefined;
  #keys: LimitKeys | undefined;

  constructor(
    {
      recipient,
      caller,
      clientIp,
      isAlert = false,
    }: Partial<PolicyRequest> & { recipient: string },
    hmac: PolicyHmac,
  ) {
    const subscriber = subscriberOf(recipient);
    this.recipient = { number: recipient, countedAs: subscriber.countedAs };
    this.numbering = lookUp(recipient, subscriber);
    this.#network = clientIp === undefined ? undefined : clientNetwork(clientIp);
    this.caller = caller;
    this.isAlert = isAlert;
    this.#hmac = hmac;
  }

  get country(): string {
    return this.numbering.group;
  }

  get recipientHmac(): string {
    this.#recipientHmac ??= this.#hmac('recipient', this.recipient.countedAs);
    return this.#recipientHmac;
  }

  get blockHmac(): string {
    this.#blockHmac ??= this.#hmac('block', this.recipient.countedAs.slice(0, -4));
    return this.#blockHmac;
  }

  get ipHmac(): string | undefined {
    if (this.#network !== undefined) this.#ipHmac ??= this.#hmac('client_ip', this.#network);
    return this.#ipHmac;
  }

  get keys(): LimitKeys {
    this.#keys ??= keysOf(this, this.caller);
    return this.#keys;
  }
}

/** The windows of a message. */
export function keysOf(
  { recipientHmac, blockHmac, ipHmac, country }: Omit<PolicyRow, 'at' | 'caller'>,
  caller: string | undefined,
): LimitKeys {
  return {
    per_recipient: recipientHmac,
    per_block: blockHmac,
    ...(ipHmac !== undefined && { per_client_ip: ipHmac }),
    ...(country !== undefined && { per_country: country }),
    ...(caller !== undefined && { per_caller: caller }),
  };
}
