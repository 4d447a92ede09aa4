/** The address follows the page: what is looked at comes back with a link, a reload, and the browser's way back. */

import { fromFragment, toFragment, type Standing } from "./fragment";

/** A view that is moved is noted when it has rested this long. */
const REST_MS = 500;

export class Link {
  private late = 0;
  /** What a page cannot change without being loaded again. */
  private readonly answers: string | undefined;
  private readonly language: string | undefined;

  constructor(
    private readonly standing: () => Standing,
    private readonly apply: (standing: Standing) => void,
  ) {
    ({ answers: this.answers, language: this.language } = fromFragment(location.hash));
    // A link that was typed, and the way back and forth.
    window.addEventListener("hashchange", () => {
      clearTimeout(this.late);
      const next = fromFragment(location.hash);
      if (next.answers !== this.answers || next.language !== this.language) location.reload();
      else this.apply(next);
    });
  }

  /** What the address said when the page was opened. */
  static first(): Standing {
    return fromFragment(location.hash);
  }

  /** The view has moved: the address follows when it rests. */
  steered(): void {
    clearTimeout(this.late);
    this.late = window.setTimeout(() => this.write("replaceState"), REST_MS);
  }

  /** Something that one may want to come back from is about to change: the address notes where one is. */
  leave(): void {
    clearTimeout(this.late);
    this.write("replaceState");
  }

  /** It has changed. */
  arrive(): void {
    clearTimeout(this.late);
    this.write("pushState");
  }

  fragment(): string {
    return toFragment({ ...this.standing(), ...(this.answers !== undefined && { answers: this.answers }) });
  }

  private write(how: "pushState" | "replaceState"): void {
    const fragment = this.fragment();
    // A notebook's frame has no address to follow.
    if (fragment === location.hash || location.protocol === "about:") return;
    try {
      history[how](null, "", fragment || location.pathname + location.search);
    } catch (error) {
      // Browsers allow only so many changes in some time, and none where the page is sealed off.
      console.info("The address does not follow the page:", error);
    }
  }
}
