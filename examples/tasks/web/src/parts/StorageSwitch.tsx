import { changeMode, type Mode, MODES, running } from "../client";
import { useStore } from "../store";

const TEXTS: Record<Mode, { name: string; where: string; taken: string; risk: 1 | 2 | 3 }> = {
  cookie: {
    name: "Cookie",
    where:
      "The refresh token lies in an HttpOnly cookie, the access token in the memory of this page. A reload carries on.",
    taken:
      "It could send requests in your name and get access tokens while the page is open. It could not take the refresh token along, so it is over when you close the page and the last access token expires, 15 minutes later at most.",
    risk: 1,
  },
  memory: {
    name: "Memory",
    where: "Both tokens lie in the memory of this page only. A reload signs you out.",
    taken:
      "It could watch the page's requests and take both tokens as they pass, then carry the session on elsewhere until it ends. After you close the page there is nothing left to find.",
    risk: 2,
  },
  session: {
    name: "Session storage",
    where: "Both tokens lie in the storage of this tab, until the tab is closed.",
    taken:
      "It could read both tokens with one line of code and carry the session on elsewhere until it ends: at the latest after 30 days, or when you end it under Sessions.",
    risk: 3,
  },
  local: {
    name: "Local storage",
    where: "Both tokens lie in the storage of the browser, for all tabs, also after a restart. Most lessons do it so.",
    taken:
      "It could read both tokens with one line of code, in any tab and weeks later too, and carry the session on elsewhere until it ends: at the latest after 30 days, or when you end it under Sessions.",
    risk: 3,
  },
};
const RISKS = { 1: "least", 2: "more", 3: "most" } as const;

/** Where the tokens are kept, and what a script that was smuggled in could take. */
export function StorageSwitch({ signedIn }: { signedIn: boolean }) {
  const { mode } = useStore(running);
  const chosen = TEXTS[mode];
  return (
    <div className="storage">
      <fieldset className="segments">
        <legend>Keep the tokens in</legend>
        {MODES.map((value) => (
          <label key={value}>
            <input
              type="radio"
              name="storage"
              value={value}
              checked={mode === value}
              onChange={() => void changeMode(value)}
            />
            <span>{TEXTS[value].name}</span>
          </label>
        ))}
      </fieldset>
      <p>{chosen.where}</p>
      <p className="risk" data-risk={chosen.risk}>
        <strong>
          What could an injected script take? <span className="risk-word">The {RISKS[chosen.risk]}.</span>
        </strong>{" "}
        {chosen.taken}
      </p>
      {signedIn && (
        <p className="hint">Tokens do not move from one place to another: choosing another one signs you out.</p>
      )}
    </div>
  );
}
