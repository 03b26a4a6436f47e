/** What is left of the team's budget. */

import { Controller } from "@hotwired/stimulus";
import { money, percent } from "../models/format";
import type { BudgetView } from "../models/views";
import { t } from "../models/words";
import { session } from "../session";

export default class BudgetController extends Controller<HTMLElement> {
  static override targets = ["left", "of", "meter", "fill"];
  declare readonly leftTarget: HTMLElement;
  declare readonly ofTarget: HTMLElement;
  declare readonly meterTarget: HTMLElement;
  declare readonly fillTarget: HTMLElement;

  #end: () => void = () => undefined;

  override connect(): void {
    this.#end = session().on("budget", (budget) => this.#show(budget));
    const { budget } = session();
    if (budget !== null) this.#show(budget);
  }

  override disconnect(): void {
    this.#end();
  }

  #show(budget: BudgetView): void {
    const { granted_nano_usd: granted, remaining_nano_usd: remaining } = budget;
    const used = granted > 0 ? Math.min(100, Math.max(0, (100 * (granted - remaining)) / granted)) : 100;
    this.element.hidden = false;
    this.element.dataset["level"] = remaining <= 0 ? "empty" : used >= budget.soft_limit_percent ? "low" : "fine";
    this.leftTarget.textContent = t("{amount} left", { amount: money(Math.max(0, remaining)) });
    this.ofTarget.textContent = t("of {amount}", { amount: money(granted) });
    this.meterTarget.setAttribute("aria-valuenow", String(Math.round(used)));
    this.meterTarget.setAttribute("aria-valuetext", t("{percent} used", { percent: percent(used) }));
    this.fillTarget.style.width = `${used}%`;
  }
}
