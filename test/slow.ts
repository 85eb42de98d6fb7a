/**
 * The second group of `npm test`: what runs whole processes, waits for real ttys, files, disks and
 * locks, searches exhaustively, or plays days of a modem's life. Everything else is a unit test,
 * and waits for nothing.
 */
export const slow: readonly string[] = [
  'test/at/machine-search.test.ts',
  'test/cli/closed-output.test.ts',
  'test/cli/unknown-words.test.ts',
  'test/daemon/remembered.test.ts',
  'test/daemon/systemd/service-notifier.test.ts',
  'test/delivery/matching.test.ts',
  'test/alerts/webhook.test.ts',
  'test/inbound/inbound.test.ts',
  'test/doctor/daemon.test.ts',
  'test/doctor/direct.test.ts',
  'test/doctor/virtual.test.ts',
  'test/e2e/**/*.test.ts',
  'test/exits/**/*.test.ts',
  'test/http/strangers.test.ts',
  'test/journal/**/*.test.ts',
  'test/modem/debts-search.test.ts',
  'test/modem/life-samples.test.ts',
  'test/operator/auth0/daemon-link.test.ts',
  'test/operator/auth0/folder.test.ts',
  'test/operator/setup/process.test.ts',
  'test/planner/real-run.test.ts',
  'test/page/door.test.ts',
  'test/page/page.test.ts',
  'test/policy/pumping.test.ts',
  'test/simulator/process.test.ts',
  'test/words/outlets.test.ts',
];
