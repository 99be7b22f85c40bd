import { useEffect, useState } from "react";

import { remember, remembered } from "../remember";
import { Icon, type IconName } from "./Icon";

const CHOICES = [
  ["auto", "System", "auto"],
  ["light", "Light", "sun"],
  ["dark", "Dark", "moon"],
] as const satisfies readonly (readonly [string, string, IconName])[];
type Theme = (typeof CHOICES)[number][0];

const KEY = "tasks.theme";
const first = (): Theme => {
  const stored = remembered(KEY);
  return stored === "light" || stored === "dark" ? stored : "auto";
};

/** Chooses the colour scheme: the one of the system, light, or dark. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(first);
  useEffect(() => {
    if (theme === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    remember(KEY, theme === "auto" ? null : theme);
  }, [theme]);
  return (
    <fieldset className="theme">
      <legend className="sr-only">Colour scheme</legend>
      {CHOICES.map(([value, label, icon]) => (
        <label key={value} title={label}>
          <input type="radio" name="theme" value={value} checked={theme === value} onChange={() => setTheme(value)} />
          <Icon name={icon} />
          <span className="sr-only">{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
