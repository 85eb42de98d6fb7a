import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes a minute or nearly that, the longest first. */
const longest: readonly string[] = [
  'test/exits/exits.test.ts',
  'test/e2e/health-submits.test.ts',
  'test/e2e/health-modem.test.ts',
  'test/e2e/alert-conditions.test.ts',
  'test/e2e/alert-telling.test.ts',
  'test/e2e/credit-answers.test.ts',
  'test/e2e/health.test.ts',
  'test/doctor/daemon.test.ts',
  'test/e2e/serve.test.ts',
  'test/e2e/alerts.test.ts',
  'test/system/package.test.ts',
  'test/system/proxies-boxes.test.ts',
  'test/system/release.test.ts',
  'test/system/power-cut.test.ts',
  'test/system/proxies-time.test.ts',
  'test/system/node-versions.test.ts',
  'test/system/docs.test.ts',
  'test/system/package-roots.test.ts',
  'test/system/doctor-start.test.ts',
  'test/system/boxes.test.ts',
  'test/system/callers.test.ts',
  'test/system/container.test.ts',
  'test/system/health-machine.test.ts',
  'test/system/package-arm64.test.ts',
  'test/system/boxes-faults.test.ts',
  'test/system/network-modems.test.ts',
  'test/system/outside-clients.test.ts',
];

/**
 * A long file that begins last is alone with one core in the end: these begin before all others of
 * their group. For the rest vitest goes by their size, and by how long they took before.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return found < 0 ? longest.length : found;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}
