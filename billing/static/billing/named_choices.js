"use strict";

// Django's searching choices tell nobody what they are: name each by its field's label.
function nameChoices() {
    for (const select of document.querySelectorAll("select.admin-autocomplete")) {
        const label = document.querySelector(`label[for="${select.id}"]`);
        const shown = select.parentElement.querySelector(".select2-selection__rendered");
        const box = shown?.closest("[role=combobox]");
        if (!label || !box) continue;
        label.id ||= `label-${select.id}`;
        shown.removeAttribute("role");
        shown.removeAttribute("aria-readonly");
        box.setAttribute("aria-labelledby", `${label.id} ${shown.id}`);
    }
}

// They are made when jQuery is ready, in the order in which that was asked for: this comes last.
window.addEventListener("load", () => window.django?.jQuery?.(nameChoices));
