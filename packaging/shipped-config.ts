/** What must be said before anything can be sent: no default, and none that an example may guess. */
const undecided = ['device', 'countries'];

const head = `# simgate's configuration. simgate does not start until a modem's device and the countries stand here, and there is a secret:
# "sudo simgate setup" asks for them. Or write them, and check with
#
#   sudo simgate check-config
#`;

/**
 * The example, with what an operator has to decide left out, and told so at the top. Throws when the example has changed so that this
 * would ship something that could send.
 */
export function shippedConfig(example: string): string {
  const [, ...rest] = example.split(/\n#\n(?=# A line )/);
  if (rest.length !== 1) throw new Error('the head of the example is not as it was');
  let text = `${head}\n${rest[0]}`;
  for (const key of undecided) {
    const line = new RegExp(`^${key} = `, 'gm');
    if (text.match(line)?.length !== 1) throw new Error(`the example does not set ${key} once`);
    text = text.replace(line, `#${key} = `);
  }
  return text;
}
