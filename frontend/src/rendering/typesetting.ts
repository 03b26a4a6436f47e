/** Sets TeX. KaTeX is a chunk of its own, loaded with the first formula; until then the TeX itself is shown. */

type Katex = typeof import("./katex");
let loading: Promise<Katex> | null = null;
let katex: Katex | null = null;

/** Formulas set before: a growing paragraph shows the same ones at every update. */
const KEPT = 300;
const kept = new Map<string, DocumentFragment | null>();

export function typeset(formula: HTMLElement): void {
  const tex = formula.textContent ?? "";
  const display = formula.dataset["maths"] === "display";
  if (katex !== null) {
    set(formula, tex, display);
    return;
  }
  loading ??= import("./katex");
  loading.then(
    (loaded) => {
      katex = loaded;
      if (formula.textContent === tex) set(formula, tex, display);
    },
    () => (loading = null),
  );
}

function set(formula: HTMLElement, tex: string, display: boolean): void {
  const key = `${display ? "display" : "inline"} ${tex}`;
  let nodes = kept.get(key);
  if (nodes === undefined) {
    nodes = katex?.render(tex, display) ?? null;
    if (kept.size >= KEPT) kept.clear();
    kept.set(key, nodes);
  }
  // Faulty TeX stays readable as what it is.
  formula.classList.toggle("maths-fault", nodes === null);
  if (nodes !== null) formula.replaceChildren(nodes.cloneNode(true));
}
