/** Which forecast a place on the page shows that is not the composer's. */

import type { Wish } from "../models/asking";
import type { Forecasting } from "../models/forecasting";
import { isPriced } from "../models/model_choice";
import type { EstimateView } from "../models/views";
import { session } from "../session";

const forecasts = new WeakMap<Element, Forecasting>();

/** The one of an `.estimate` box, made when it is first asked for. */
export function forecastOf(box: Element): Forecasting {
  const found = forecasts.get(box) ?? session().newForecast();
  forecasts.set(box, found);
  return found;
}

/** Lets the box within `place`, if there is one, tell what a turn may cost. */
export function forecastIn(place: Element | null, wish: Wish | null): void {
  const box = place?.querySelector(".estimate");
  if (box) forecastOf(box).want(wish);
}

/** What the box within `place` tells of the turn as it stands now. */
export function toldIn(place: Element | null): EstimateView | null {
  const box = place?.querySelector(".estimate");
  return box ? forecastOf(box).current : null;
}

/** The model of the next turn, if what it costs can be told. */
export function pricedModel(): { model: string } | null {
  const { model } = session();
  return isPriced(model) ? { model: model.id } : null;
}
