/**
 * Nothing that anybody could see: white space, controls, and what has no width or is drawn as a
 * blank.
 */
const blank = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/** Whether a text would be an SMS that costs, and shows nothing; the empty one is too. */
export const isBlank = (text: string): boolean => blank.test(text);
