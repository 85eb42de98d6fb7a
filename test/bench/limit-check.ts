import { createHmac, randomBytes } from 'node:crypto';
import type { Limit, PolicyConfig } from '../../src/config/policy.js';
import { Policy } from '../../src/policy/policy.js';
import { type Figure, judged, median, shown } from './figures.js';
import { monotonicMs } from './monotonic.js';

const rememberedMessages = 40_000;
const checks = 2_000;
const rounds = 9;
/**
 * A check looks at the newest messages only, however many are remembered; the rest is for caches
 * that are cold.
 */
const mostGrowth = 3;

/**
 * One check of every limit in this very process: by a policy that remembers nothing, and by one
 * that remembers a day of attack.
 */
export function limitChecks(): Figure[] {
  const [blank, full] = [createPolicy(0), createPolicy(rememberedMessages)];
  const times: { blank: number[]; full: number[] } = { blank: [], full: [] };
  for (let round = 0; round < rounds; round += 1) {
    times.blank.push(checkUs(blank, round));
    times.full.push(checkUs(full, round));
  }
  const [blankUs, fullUs] = [median(times.blank), median(times.full)];
  return [
    shown('a check of all limits', blankUs, 'µs'),
    shown(`the same with ${rememberedMessages} messages remembered`, fullUs, 'µs'),
    judged('with them, over without', fullUs / blankUs, '', { atMost: mostGrowth }),
  ];
}

/** Microseconds for one message, let in and given back. */
function checkUs(policy: Policy, round: number): number {
  const fromMs = monotonicMs();
  for (let number = 0; number < checks; number += 1)
    policy.admit(policy.subjectOf(request(round * checks + number))).giveBack();
  return ((monotonicMs() - fromMs) * 1000) / checks;
}

function createPolicy(remembered: number): Policy {
  const key = randomBytes(32);
  const hmac = (domain: string, text: string): string =>
    createHmac('sha256', key).update(`${domain}\0${text}`).digest('hex').slice(0, 32);
  const policy = new Policy({ config, hmac, now: () => Date.now() });
  for (let number = 0; number < remembered; number += 1)
    policy.admit(policy.subjectOf(request(number))).keep();
  return policy;
}

function request(number: number): { recipient: string; caller: string; clientIp: string } {
  return {
    recipient: `+4915${String(10_000_000 + number * 7).padStart(9, '0')}`,
    caller: 'urn:Auth0',
    clientIp: `198.51.${(number >> 8) & 255}.${number & 255}`,
  };
}

const hourMs = 3_600_000;
const many: Limit[] = [
  { count: 50_000, windowMs: hourMs },
  { count: 50_000, windowMs: 24 * hourMs },
];
const config: PolicyConfig = {
  countries: ['DE'],
  refuseTypes: ['premium_rate', 'shared_cost'],
  alertShare: 0.2,
  allowPrefixes: [],
  refusePrefixes: [],
  limits: {
    per_recipient: many,
    per_block: many,
    per_client_ip: many,
    per_country: many,
    per_caller: many,
    total: many,
  },
  lockOutFirstMs: 60_000,
  lockOutLongestMs: 900_000,
  coolDownRecipientMs: 60_000,
  coolDownBlockMs: 60_000,
};
