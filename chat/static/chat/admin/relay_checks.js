"use strict";

// Shows the steps of a check beneath its relay as they are made. Without this script the same form
// leads to a page that fills itself.

{
    const form = document.querySelector(".relay-checks");

    const cell = (row, kind, text, className) => {
        const made = row.appendChild(document.createElement(kind));
        made.textContent = text;
        made.className = className;
        return made;
    };

    const showStep = (body, step) => {
        const row = body.appendChild(document.createElement("tr"));
        if ("usable" in step) {
            row.className = `end ${step.usable ? "ok" : "failed"}`;
            cell(row, "td", step.sentence, "").colSpan = 4;
            return;
        }
        row.className = step.status;
        cell(row, "th", step.title, "").scope = "row";
        cell(row, "td", step.word, "word");
        const said = cell(row, "td", step.sentence, "");
        if (step.detail) {
            said.append(" ");
            cell(said, "span", step.detail, "quiet");
        }
        cell(row, "td", step.status === "skipped" ? "" : `${step.elapsed_ms} ms`, "time");
    };

    async function* linesOf(response) {
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        let rest = "";
        for (;;) {
            const { done, value } = await reader.read();
            if (done) {
                return;
            }
            const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
            rest = lines.pop();
            yield* lines;
        }
    }

    const check = async (button) => {
        const found = button.closest(".relay").querySelector(".found");
        const fields = new FormData(form, button);
        const waiting = document.createElement("p");
        waiting.className = "quiet";
        waiting.textContent = form.dataset.checking;
        const table = document.createElement("table");
        table.className = "steps";
        const body = table.appendChild(document.createElement("tbody"));
        found.replaceChildren(table, waiting);
        button.disabled = true;
        let ended = false;
        let refusal = "";
        try {
            const response = await fetch(form.action || location.href, {
                method: "POST",
                body: fields,
                headers: { Accept: "application/x-ndjson" },
            });
            if (response.ok) {
                for await (const line of linesOf(response)) {
                    const step = JSON.parse(line);
                    showStep(body, step);
                    ended ||= "usable" in step;
                }
            } else if (response.status === 429) {
                refusal = (await response.json()).refusal;
            }
        } catch (error) {
            console.warn(error);
        }
        waiting.remove();
        button.disabled = false;
        if (!ended) {
            const note = found.appendChild(document.createElement("p"));
            note.className = "lost";
            note.textContent = refusal || form.dataset.lost;
        }
    };

    form.addEventListener("submit", (event) => {
        if (event.submitter?.name === "relay") {
            event.preventDefault();
            document.querySelector(".running")?.remove();
            void check(event.submitter);
        }
    });
}
