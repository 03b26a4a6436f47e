/** Changes nodes as little as possible, so that a selection in growing text survives. */

/** Makes the children of `target` like those of `fresh`, which is used up. */
export function morphChildren(target: Node, fresh: Node): void {
  const wanted = [...fresh.childNodes];
  wanted.forEach((node, index) => {
    const current = target.childNodes[index];
    if (current === undefined) target.appendChild(node);
    else morph(current, node);
  });
  while (target.childNodes.length > wanted.length) target.lastChild?.remove();
}

function morph(current: ChildNode, fresh: ChildNode): void {
  if (current.isEqualNode(fresh)) return;
  if (current instanceof Text && fresh instanceof Text) {
    growText(current, fresh.data);
  } else if (alike(current, fresh)) {
    morphChildren(current, fresh);
  } else {
    current.replaceWith(fresh);
  }
}

function growText(current: Text, wanted: string): void {
  if (wanted.startsWith(current.data)) current.appendData(wanted.slice(current.length));
  else current.data = wanted;
}

function alike(current: Node, fresh: Node): boolean {
  if (!(current instanceof Element && fresh instanceof Element)) return false;
  return current.cloneNode(false).isEqualNode(fresh.cloneNode(false));
}
