import type { Machine } from './package-machine.js';

const standIn = `#!/bin/sh
echo "$*" >>/run/asked
[ ! -e /run/broken ] || exit 1
case "$*" in
*MainPID*) cat /run/main-pid ;;
*disable*) SYSTEMD_OFFLINE=1 exec /usr/bin/systemctl "$@" ;;
esac
`;

/**
 * In place of systemd, which does not run on the machine: records what is asked of it. `disable` is
 * a matter of files and is done.
 */
export class SystemdStandIn {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.put('/run/main-pid', '0\n');
    machine.put('/usr/local/bin/systemctl', standIn, '755');
    machine.must(['mkdir', '-p', '/run/systemd/system']);
    // A container may have one that lets no package start or stop a service.
    machine.put('/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 0\n', '755');
  }

  /** What was asked since the last `forget` that changes anything. */
  asked(): string[] {
    return this.#machine
      .must(['cat', '/run/asked'])
      .split('\n')
      .filter((line) => /start|stop|enable|disable|reload/.test(line));
  }

  forget(): void {
    this.#machine.must(['sh', '-c', ': >/run/asked']);
  }

  /** Whether it fails whatever is asked. */
  set isBroken(isBroken: boolean) {
    this.#machine.must(isBroken ? ['touch', '/run/broken'] : ['rm', '/run/broken']);
  }

  /**
   * While `during` runs there is a process that it has for simgate's, with `variable` (as
   * NAME=value) in its environment.
   */
  async whileRunning(variable: string, during: () => void): Promise<void> {
    const say = 'echo "{\\"pid\\":$$}"; exec sleep infinity';
    const service = this.#machine.service(['env', variable, 'sh', '-c', say]);
    const { pid } = await service.until((line) => typeof line.pid === 'number');
    this.#machine.put('/run/main-pid', `${String(pid)}\n`);
    during();
    this.#machine.put('/run/main-pid', '0\n');
    await service.stop();
  }
}
