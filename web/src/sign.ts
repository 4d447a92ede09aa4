/** Short signs by which texts are known again. */

/** Eight hexadecimal digits that tell texts from others (FNV-1a). */
export function signOf(texts: Iterable<string>): string {
  let sum = 0x811c9dc5;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
    sum = Math.imul(sum ^ 10, 0x01000193);
  }
  return (sum >>> 0).toString(16).padStart(8, "0");
}
