/**
 * The text says nothing that an option or a control line takes; the message says what was expected.
 */
export class OptionSyntaxError extends Error {
  override readonly name = 'OptionSyntaxError';
}
