import { createHmac } from 'node:crypto';
import * as v from 'valibot';
import { type PolicyConfig, policySchema } from '../../../src/config/policy.js';
import { SendError } from '../../../src/errors.js';
import type { NearlyFull } from '../../../src/policy/alarm.js';
import type { Hold } from '../../../src/policy/holds.js';
import { Policy } from '../../../src/policy/policy.js';
import type { PolicyRequest, Reservation } from '../../../src/policy/request.js';

export const second = 1000;
export const minute = 60_000;
export const hour = 3_600_000;

/** A `[policy]` table, read as the daemon reads it. */
export function policyConfig(table: Record<string, unknown>): PolicyConfig {
  return v.parse(policySchema, table);
}

/** Everything off, so that a test turns on what it is about. */
export const off = {
  countries: ['*'],
  per_recipient: 'off',
  per_block: 'off',
  per_client_ip: 'off',
  per_country: 'off',
  total: 'off',
  lock_out_first_s: 0,
  cool_down_recipient_s: 0,
  cool_down_block_s: 0,
};

export const hmac = (domain: string, text: string): string =>
  createHmac('sha256', 'key of the tests').update(`${domain}:${text}`).digest('hex').slice(0, 32);

/** A policy with a clock that the test sets, and the holds and warnings it told of. */
export function desk(table: Record<string, unknown>, capacity?: number) {
  const clock = { now: Date.UTC(2026, 10, 2, 8) };
  const begun: Hold[] = [];
  const nearlyFull: NearlyFull[] = [];
  const policy = new Policy({
    config: policyConfig(table),
    hmac,
    now: () => clock.now,
    onHold: (hold) => begun.push(hold),
    onNearlyFull: (limit) => nearlyFull.push(limit),
    ...(capacity !== undefined && { capacity }),
  });
  const ask = (request: Partial<PolicyRequest>) =>
    policy.admit(
      policy.subjectOf({ caller: 'urn:Auth0', recipient: '+4915112345678', ...request }),
    );
  return {
    clock,
    policy,
    begun,
    /** The warnings of limits that are nearly full. */
    nearlyFull,
    /** Lets in or throws. */
    admit: ask,
    /** Lets in and sends. */
    send: (request: Partial<PolicyRequest> = {}): Reservation => {
      const reservation = ask(request);
      reservation.keep();
      return reservation;
    },
    /** The refusal; fails if there is none. */
    refusal: (request: Partial<PolicyRequest> = {}): SendError => {
      try {
        ask(request);
      } catch (error) {
        if (error instanceof SendError) return error;
        throw error;
      }
      throw new Error('the policy let the message in');
    },
  };
}
