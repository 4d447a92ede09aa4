/** Text with formulas between dollar signs, set as MathML; the typesetter is loaded when the first one occurs. */

export interface Piece {
  text: string;
  formula: boolean;
}

/**
 * Cut a text at its formulas.
 *
 * As in Pandoc, the opening dollar stands before a non-space, the closing one after a non-space and not before a
 * digit; so "$5 and $10" stays money.
 */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(/\$(?!\s)((?:[^$\\]|\\.)*?[^\s\\$]|\S)\$(?!\d)/g)) {
    if (match.index > from) found.push({ text: text.slice(from, match.index), formula: false });
    found.push({ text: match[1] ?? "", formula: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ text: text.slice(from), formula: false });
  return found;
}

/** Put a text into a node, its formulas typeset as soon as the typesetter is there. */
export function setText(node: HTMLElement, text: string): void {
  node.textContent = text;
  const parts = pieces(text);
  if (!parts.some((part) => part.formula)) return;
  import("temml")
    .then(({ default: temml }) => {
      if (node.textContent !== text) return;
      node.replaceChildren(
        ...parts.map((part) =>
          part.formula ? formula(temml.render, part.text) : document.createTextNode(part.text),
        ),
      );
    })
    // The source between dollar signs stays readable.
    .catch((error: unknown) => console.info("Formulas are shown as they were written:", error));
}

type Render = (expression: string, node: HTMLElement, options: { throwOnError: boolean }) => void;

function formula(render: Render, expression: string): HTMLElement {
  const node = document.createElement("span");
  node.className = "formula";
  render(expression, node, { throwOnError: false });
  return node;
}
